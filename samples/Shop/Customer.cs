using RecService.Client;

namespace Shop;

/// <summary>Who is shopping: a name that the browser keeps. A real shop has accounts, and takes a visitor's session until there is one.</summary>
public sealed class Customer(IHttpContextAccessor accessor)
{
    private const string Cookie = "customer";

    private HttpContext Http => accessor.HttpContext!;

    /// <summary>The name; at the first visit a new one.</summary>
    public string Id
    {
        get
        {
            if (field is null && (field = Http.Request.Cookies[Cookie]) is not { Length: > 0 })
            {
                SignIn(field = $"visitor-{Guid.CreateVersion7():N}");
            }

            return field;
        }
    }

    /// <summary>The circumstances of this visit, which recommendations go by.</summary>
    public Dictionary<string, object> Context =>
        new(StringComparer.Ordinal)
        {
            ["device"] = Http.Request.Headers.UserAgent.ToString().Contains("Mobile", StringComparison.Ordinal) ? "phone" : "desktop",
        };

    /// <summary>Lets somebody else shop.</summary>
    public void SignIn(string id) => Http.Response.Cookies.Append(Cookie, id, new() { HttpOnly = true, SameSite = SameSiteMode.Lax });

    /// <summary>Something that the customer has done with an item, perhaps because it was recommended.</summary>
    public InteractionInput Did(string type, string itemId, string? recommendationId = null) =>
        new()
        {
            UserId = Id,
            ItemId = itemId,
            Type = type,
            Context = Context,
            RecommendationId = recommendationId,
        };
}
