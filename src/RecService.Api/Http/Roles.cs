namespace RecService.Api.Http;

/// <summary>
/// What a caller may do. Every endpoint below <c>/v1</c> names the one role that it needs; <see cref="Admin"/> holds the others too.
/// </summary>
internal static class Roles
{
    /// <summary>Recommendations, scores, vectors.</summary>
    public const string Score = "score";

    /// <summary>Users, items and interactions.</summary>
    public const string Ingest = "ingest";

    /// <summary>Training, models, keys, and deletion in bulk.</summary>
    public const string Admin = "admin";

    public static IReadOnlyList<string> All { get; } = [Score, Ingest, Admin];

    /// <summary>Declares the role that an endpoint needs. The policies have the roles' names.</summary>
    public static TBuilder Requires<TBuilder>(this TBuilder endpoint, string role)
        where TBuilder : IEndpointConventionBuilder => endpoint.RequireAuthorization(role);
}
