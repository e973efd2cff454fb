using Microsoft.Extensions.Options;
using RecService.Api.Dashboard.Sessions;
using RecService.Api.Http;
using RecService.Api.Http.Errors;

namespace RecService.Api.Dashboard;

internal static class DashboardExtensions
{
    /// <summary>Adds the pages for people and their sessions, unless they are switched off.</summary>
    public static IHostApplicationBuilder AddDashboard(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services
            .AddOptions<DashboardOptions>()
            .BindConfiguration(DashboardOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<DashboardOptions>, DashboardOptionsValidation>();
        var options = DashboardOptions.Read(builder.Configuration);
        if (!options.Enabled)
        {
            return builder;
        }

        services.AddRazorComponents();
        services.AddSessions(options);
        services.AddSingleton<StoreCounter>();
        services.AddSingleton<ItemLists>();
        services.AddSingleton<EffectiveSettings>();
        services.AddSingleton<PageOfProblem>(DashboardForms.PageOf);
        return builder;
    }

    /// <summary>Maps the pages.</summary>
    /// <param name="routes">Where to map them.</param>
    /// <param name="isStandalone">Whether the origin is the service's own, whose <c>/</c> leads to them.</param>
    public static IEndpointRouteBuilder MapDashboard(this IEndpointRouteBuilder routes, bool isStandalone)
    {
        if (!routes.ServiceProvider.GetRequiredService<IOptions<DashboardOptions>>().Value.Enabled)
        {
            return routes;
        }

        if (isStandalone)
        {
            routes.MapGet("/", () => Results.Redirect(DashboardPaths.Root)).ExcludeFromDescription().AllowAnonymous();
        }

        // The forms bring a token of their own, which is checked where a page can say what is wrong with it.
        var everybody = routes.MapGroup(DashboardPaths.Root).ExcludeFromDescription().DisableAntiforgery();
        everybody.MapAssets();
        everybody.MapSignIn();
        var admins = everybody.MapGroup("").RequireAuthorization(Roles.Admin);
        admins.MapPages();
        admins.MapActions();
        return routes;
    }
}
