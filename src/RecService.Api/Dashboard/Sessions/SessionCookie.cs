namespace RecService.Api.Dashboard.Sessions;

/// <summary>A cookie that browsers send to the dashboard alone, below whatever path the service is served.</summary>
internal sealed class SessionCookie : CookieBuilder
{
    public SessionCookie(string name, SameSiteMode sameSite)
    {
        Name = name;
        // Without one, the framework would set its own after it is built.
        Path = DashboardPaths.Root;
        SameSite = sameSite;
        HttpOnly = true;
        IsEssential = true;
        SecurePolicy = CookieSecurePolicy.SameAsRequest;
    }

    public override CookieOptions Build(HttpContext context, DateTimeOffset expiresFrom)
    {
        var cookie = base.Build(context, expiresFrom);
        cookie.Path = context.Request.PathBase + DashboardPaths.Root;
        return cookie;
    }
}
