using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace RecService.Api.Access;

/// <summary>A key as it is sent, <c>rs_PREFIX_SECRET</c>: a public prefix to find it by, and a secret of 256 random bits.</summary>
/// <param name="Prefix">The public part.</param>
/// <param name="Hash">
/// The SHA-256 of the whole text. A slow hash is for secrets that people make up: 256 random bits cannot be guessed however fast a guess is tried,
/// and every request would pay for the slowness.
/// </param>
internal readonly partial record struct KeyText(string Prefix, byte[] Hash)
{
    public const string Form =
        "rs_PREFIX_SECRET, where PREFIX is 8 to 16 lower-case letters and digits and SECRET 43 to 86 letters, digits, '-' and '_'";

    /// <summary>What every key starts with.</summary>
    public const string Start = "rs_";

    private const string PrefixAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
    private const int PrefixLength = 12;
    private const int SecretBytes = 32;

    public static KeyText Generate(out string text)
    {
        text = WithNewSecret(RandomNumberGenerator.GetString(PrefixAlphabet, PrefixLength), out var key);
        return key;
    }

    public static string WithNewSecret(string prefix, out KeyText key)
    {
        var text = $"{Start}{prefix}_{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes))}";
        key = new(prefix, HashOf(text));
        return text;
    }

    public static bool TryParse([NotNullWhen(true)] string? text, out KeyText key)
    {
        var match = Pattern().Match(text ?? "");
        key = match.Success ? new(match.Groups["prefix"].Value, HashOf(match.Value)) : default;
        return match.Success;
    }

    private static byte[] HashOf(string text) => SHA256.HashData(Encoding.ASCII.GetBytes(text));

    [GeneratedRegex(
        @"\Ars_(?<prefix>[a-z0-9]{8,16})_[A-Za-z0-9_-]{43,86}\z",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Pattern();
}
