using System.Collections.Frozen;
using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace RecService.Api.Dashboard;

/// <summary>
/// The files of the dashboard. They are in the assembly, so that they are wherever it is: in the container, beside the sources, and in the package.
/// </summary>
internal static class AssetFiles
{
    private static readonly FrozenDictionary<string, Asset> All = new[]
    {
        Read("dashboard.css", "text/css; charset=utf-8"),
        Read("dashboard.js", "text/javascript; charset=utf-8"),
        Read("icon.svg", "image/svg+xml"),
    }.ToFrozenDictionary(asset => asset.Name, StringComparer.Ordinal);

    /// <summary>The address below the dashboard's own; another file has another one, so that browsers may keep it.</summary>
    public static string AddressOf(string name) => $"/assets/{name}?v={All[name].Version}";

    public static IEndpointConventionBuilder MapAssets(this IEndpointRouteBuilder routes) =>
        // Nothing of them is secret, and one page asks for all of them at once.
        routes.MapGet("/assets/{name}", Send).AllowAnonymous().DisableRateLimiting();

    private static IResult Send(string name, string? v, HttpResponse response)
    {
        if (!All.TryGetValue(name, out var asset))
        {
            return Results.NotFound();
        }

        // A page of another version, of a replica that is renewed later, must not keep this one's files for its own.
        response.Headers.CacheControl = v == asset.Version ? "public, max-age=31536000, immutable" : "no-cache";
        return Results.Bytes(asset.Content, asset.Type, entityTag: new EntityTagHeaderValue($"\"{asset.Version}\""));
    }

    private static Asset Read(string name, string type)
    {
        using var stream = typeof(AssetFiles).Assembly.GetManifestResourceStream(name)!;
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return new(name, type, content, Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 8)));
    }

    private sealed record Asset(string Name, string Type, byte[] Content, string Version);
}
