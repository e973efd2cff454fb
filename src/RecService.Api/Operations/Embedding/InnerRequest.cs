using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using RecService.Api.Http.Limits;

namespace RecService.Api.Operations.Embedding;

/// <summary>
/// A request of a host as the service sees it: what the server says of it, below the path that it was mapped to, and nothing that the host's
/// pipeline has made of it, such as its user, its endpoint and its services.
/// </summary>
internal static class InnerRequest
{
    // Of the server, not of the pipeline. Not the body's pipe, which would go by the outer request's body.
    private static readonly Type[] OfServer =
    [
        typeof(IHttpResponseFeature),
        typeof(IHttpResponseBodyFeature),
        typeof(IHttpResponseTrailersFeature),
        typeof(IHttpRequestLifetimeFeature),
        typeof(IHttpRequestIdentifierFeature),
        typeof(IHttpRequestBodyDetectionFeature),
        typeof(IHttpRequestTrailersFeature),
        typeof(IHttpMaxRequestBodySizeFeature),
        typeof(IHttpMinRequestBodyDataRateFeature),
        typeof(IHttpMinResponseDataRateFeature),
        typeof(IHttpBodyControlFeature),
        typeof(IHttpConnectionFeature),
        typeof(IConnectionLifetimeNotificationFeature),
        typeof(ITlsConnectionFeature),
        typeof(ITlsHandshakeFeature),
        typeof(IHttpResetFeature),
    ];

    /// <param name="outer">The host's request.</param>
    /// <param name="prefixSegments">Of how many segments the path consists that the service was mapped to.</param>
    public static FeatureCollection Of(HttpContext outer, int prefixSegments)
    {
        var features = new FeatureCollection();
        foreach (var type in OfServer)
        {
            features[type] = outer.Features[type];
        }

        var whole = outer.Request.Path.Value ?? "";
        var end = EndOf(whole, prefixSegments);
        var pathBase = outer.Request.PathBase.Value + whole[..end];
        var request = outer.Features.GetRequiredFeature<IHttpRequestFeature>();
        features.Set<IHttpRequestFeature>(
            new HttpRequestFeature
            {
                Body = request.Body,
                Headers = request.Headers,
                Method = request.Method,
                Path = end == whole.Length ? "/" : whole[end..],
                PathBase = pathBase,
                Protocol = request.Protocol,
                QueryString = request.QueryString,
                RawTarget = TargetOf(request.RawTarget, outer.Request.PathBase.Value ?? "", prefixSegments, pathBase),
                Scheme = request.Scheme,
            }
        );
        Limit(features);
        return features;
    }

    /// <summary>The limits that the service sets on its own server, in the place of the host's.</summary>
    private static void Limit(FeatureCollection features)
    {
        if (features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = RequestLimits.BodyBytes;
        }

        if (features.Get<IHttpMinRequestBodyDataRateFeature>() is { } bodyRate)
        {
            bodyRate.MinDataRate = RequestLimits.BodyRate;
        }

        if (features.Get<IHttpMinResponseDataRateFeature>() is { } answerRate)
        {
            answerRate.MinDataRate = RequestLimits.AnswerRate;
        }
    }

    // The host's own path may have been taken off by whoever sent it on.
    private static string TargetOf(string target, string outerBase, int prefixSegments, string pathBase)
    {
        if (!target.StartsWith('/'))
        {
            return target;
        }

        var start = outerBase.Length > 0 && target.StartsWith(outerBase, StringComparison.OrdinalIgnoreCase) ? outerBase.Length : 0;
        return pathBase + target[(start + EndOf(target[start..], prefixSegments))..];
    }

    private static int EndOf(string path, int segments)
    {
        var end = 0;
        for (; segments > 0; segments--)
        {
            var next = path.AsSpan(Math.Min(end + 1, path.Length)).IndexOfAny('/', '?', '#');
            end = next < 0 ? path.Length : end + 1 + next;
        }

        return end;
    }
}
