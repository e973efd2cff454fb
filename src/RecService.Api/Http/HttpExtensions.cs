using Microsoft.AspNetCore.Http.Json;

namespace RecService.Api.Http;

internal static class HttpExtensions
{
    /// <summary>Adds what all endpoints share: strict JSON, and problems for errors.</summary>
    public static IHostApplicationBuilder AddHttpConventions(this IHostApplicationBuilder builder)
    {
        builder.Services.Configure<JsonOptions>(options => ApiJson.Configure(options.SerializerOptions));
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        builder.Services.AddProblemDetails();
        builder.Services.AddExceptionHandler<ErrorHandler>();
        return builder;
    }

    /// <summary>To be called first of all middleware; calls UseRouting, which has to come after the paths are restored.</summary>
    public static WebApplication UseHttpConventions(this WebApplication app)
    {
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseEscapedPaths();
        app.UseRouting();
        return app;
    }
}
