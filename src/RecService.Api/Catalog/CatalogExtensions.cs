namespace RecService.Api.Catalog;

internal static class CatalogExtensions
{
    /// <summary>Adds users and items.</summary>
    public static IHostApplicationBuilder AddCatalog(this IHostApplicationBuilder builder)
    {
        builder.Services.AddScoped<UserStore>();
        builder.Services.AddScoped<ItemStore>();
        builder.Services.AddSingleton<CatalogImporter>();
        return builder;
    }

    public static IEndpointRouteBuilder MapCatalog(this IEndpointRouteBuilder routes) =>
        routes.MapUserEndpoints().MapItemEndpoints().MapExportEndpoints();
}
