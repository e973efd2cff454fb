using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;

namespace RecService.Api.Interactions;

/// <summary>Hashes the body of a request while it is read, for the <see cref="IdempotencyKey"/> that it came with.</summary>
internal sealed class KeyedBody : IDisposable
{
    private readonly string _caller;
    private readonly string _key;
    private readonly SHA256 _hash = SHA256.Create();

    /// <param name="caller">Who has sent it.</param>
    /// <param name="key">The key.</param>
    /// <param name="body">The body.</param>
    /// <param name="form">What the answer depends on beside the body, such as the query.</param>
    public KeyedBody(ClaimsPrincipal caller, string key, Stream body, string form = "")
    {
        _caller = caller.Identity?.Name ?? "";
        _key = key;
        var bytes = Encoding.UTF8.GetBytes(form);
        _hash.TransformBlock(bytes, 0, bytes.Length, outputBuffer: null, 0);
        Content = new CryptoStream(body, _hash, CryptoStreamMode.Read, leaveOpen: true);
    }

    /// <summary>The body, to be read from here.</summary>
    public Stream Content { get; }

    /// <summary>The key, once the body was read to its end.</summary>
    public IdempotencyKey Key => new(_caller, _key, _hash.Hash!);

    public void Dispose()
    {
        Content.Dispose();
        _hash.Dispose();
    }
}
