using System.ComponentModel;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Components;
using RecService.Api.Domain;

namespace RecService.Api.Dashboard;

/// <summary>A page of the dashboard: reads what it shows, then renders it, once, on the server.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public abstract class DashboardPage : ComponentBase
{
    /// <summary>The request.</summary>
    [CascadingParameter]
    protected HttpContext Http { get; set; } = null!;

    /// <summary>Ends what the page reads when nobody waits for it any more.</summary>
    protected CancellationToken Aborted => Http.RequestAborted;

    /// <inheritdoc/>
    public override async Task SetParametersAsync(ParameterView parameters)
    {
        parameters.SetParameterProperties(this);
        // Before anything is rendered, so that no page has to look as if it were not read yet.
        await LoadAsync();
        await base.SetParametersAsync(ParameterView.Empty);
    }

    /// <summary>Reads what the page shows.</summary>
    protected virtual Task LoadAsync() => Task.CompletedTask;

    /// <summary>The address of a page of the dashboard.</summary>
    protected string To(FormattableString path)
    {
        ArgumentNullException.ThrowIfNull(path);
        var parts = Array.ConvertAll(path.GetArguments(), part => (object)Uri.EscapeDataString(FormattableString.Invariant($"{part}")));
        return Http.Request.PathBase + DashboardPaths.Root + string.Format(System.Globalization.CultureInfo.InvariantCulture, path.Format, parts);
    }

    /// <summary>The address of a path below the dashboard's that is escaped already.</summary>
    protected string At(string path) => Http.Request.PathBase + DashboardPaths.Root + path;

    /// <summary>What the query says by a name; null for nothing, and for what cannot be a text of the store's.</summary>
    protected string? Asked(string name) =>
        Http.Request.Query[name].ToString() is { Length: > 0 } text && ExternalId.TextProblem(text, int.MaxValue) is null ? text : null;

    /// <summary>A number on the path.</summary>
    protected long OnPath(string name) => long.Parse((string)Http.GetRouteValue(name)!, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Says that what the page is about is not there.</summary>
    protected void NotThere() => Http.Response.StatusCode = StatusCodes.Status404NotFound;

    /// <summary>The token of the page's forms.</summary>
    protected string Token => Http.RequestServices.GetRequiredService<IAntiforgery>().GetAndStoreTokens(Http).RequestToken!;
}
