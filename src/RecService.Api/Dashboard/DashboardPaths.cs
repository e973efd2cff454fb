namespace RecService.Api.Dashboard;

/// <summary>Where the dashboard lies below the service's own path.</summary>
internal static class DashboardPaths
{
    public const string Root = "/dashboard";

    public const string SignIn = Root + "/sign-in";

    public static bool IsBelow(HttpRequest request) => request.Path.StartsWithSegments(Root, StringComparison.OrdinalIgnoreCase);

    /// <summary>The path to go on with after signing in: of the dashboard, whatever was asked for.</summary>
    public static string ReturnTo(string? asked) =>
        asked is not null
        && (asked.Equals(Root, StringComparison.Ordinal) || asked.StartsWith(Root + "/", StringComparison.Ordinal) || asked.StartsWith(Root + "?", StringComparison.Ordinal))
        && !asked.StartsWith(SignIn, StringComparison.Ordinal)
        && asked.All(character => character is > ' ' and <= '~' and not '\\')
            ? asked
            : Root;
}
