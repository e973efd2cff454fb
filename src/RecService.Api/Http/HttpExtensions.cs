using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.RequestDecompression;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using RecService.Api.Http.Edge;
using RecService.Api.Http.Errors;
using RecService.Api.Http.Json;
using RecService.Api.Http.Limits;
using RecService.Api.Http.Queries;

namespace RecService.Api.Http;

internal static class HttpExtensions
{
    /// <summary>Adds what all endpoints share: limits, strict JSON, and problems for errors.</summary>
    public static IHostApplicationBuilder AddHttpConventions(this IHostApplicationBuilder builder)
    {
        builder.Services.Configure<JsonOptions>(options => ApiJson.Configure(options.SerializerOptions));
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        builder.Services.Configure<KestrelServerOptions>(RequestLimits.Configure);
        builder.Services.AddRequestTimeouts();
        builder.Services.Configure<RequestTimeoutOptions>(RequestLimits.Configure);
        builder.Services.AddTrustedProxies();
        builder.Services.AddCorsOrigins();
        builder.Services.AddSingleton<Slots>();
        builder.Services.AddSingleton<StallLimit>();
        builder.Services.AddSingleton<IValidateOptions<LoadOptions>, LoadOptionsValidation>();
        builder
            .Services.AddOptions<LoadOptions>()
            .BindConfiguration(LoadOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .ValidateOnStart();
        builder.Services.AddSingleton<LoadLimits>();
        builder.Services.AddRequestDecompression();
        builder
            .Services.AddOptions<RequestDecompressionOptions>()
            .PostConfigure<IOptions<LoadOptions>>(
                (decompression, load) =>
                {
                    foreach (var (encoding, provider) in decompression.DecompressionProviders.ToList())
                    {
                        decompression.DecompressionProviders[encoding] = new BoundedDecompression(provider, load.Value.Imports.ExpansionRatio);
                    }
                }
            );

        // Else the end of a compressed body that was cut short would pass for the end of the data.
        AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", isEnabled: true);
        builder.Services.AddProblemDetails();
        builder.Services.AddExceptionHandler<ErrorHandler>();
        return builder;
    }

    /// <summary>To be called before all middleware but that of the spans; calls UseRouting, which has to come after the paths are restored.</summary>
    /// <param name="app">The application.</param>
    /// <param name="isStandalone">Whether the origin is the service's own.</param>
    public static WebApplication UseHttpConventions(this WebApplication app, bool isStandalone)
    {
        app.UseTrustedProxies();
        app.UsePathPrefixes();
        app.UseSecurityHeaders();
        if (isStandalone && !app.Environment.IsDevelopment())
        {
            app.UseHsts();
        }

        app.Use(DropBodyOfHead);
        app.UseExceptionHandler();
        app.UseMiddleware<StartedAnswers>();
        // Those of the framework are padded text for whoever accepts no JSON.
        app.UseStatusCodePages(answer => answer.HttpContext.AnswerAsync(Problems.OfStatus(answer.HttpContext.Response.StatusCode)));
        app.UseEscapedPaths();
        app.UseRouting();
        app.UseRequestTimeouts();
        app.UseCorsOrigins();
        return app;
    }

    /// <summary>To be called when the caller is known to be allowed what he asks for.</summary>
    public static WebApplication UseRequestChecks(this WebApplication app)
    {
        app.UseQueryParameterCheck();
        // After routing, as the endpoint says how much may come out of the compressed body.
        app.UseRequestDecompression();
        app.Use(RefuseUnknownEncodings);
        var load = app.Services.GetRequiredService<LoadLimits>();
        app.Use((HttpContext context, RequestDelegate next) => load.InvokeAsync(context, next));
        var slots = app.Services.GetRequiredService<Slots>();
        app.Use((HttpContext context, RequestDelegate next) => slots.InvokeAsync(context, next));
        return app;
    }

    // Over HTTP/2, Kestrel sends the body that an endpoint writes, which clients take for an error of the protocol.
    private static Task DropBodyOfHead(HttpContext context, RequestDelegate next)
    {
        if (HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.Body = Stream.Null;
        }

        return next(context);
    }

    // What the decompression knows, it has taken from the header. The rest would be read as if it were text.
    private static Task RefuseUnknownEncodings(HttpContext context, RequestDelegate next) =>
        context.Request.Headers.ContentEncoding is { Count: > 0 } encoding && encoding != "identity"
            ? Problems
                .Of(StatusCodes.Status415UnsupportedMediaType, "The body's Content-Encoding is none of gzip, br and deflate.")
                .ExecuteAsync(context)
            : next(context);
}
