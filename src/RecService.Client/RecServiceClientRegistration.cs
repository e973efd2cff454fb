using System.Diagnostics.Metrics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RecService.Client;
using RecService.Client.Http;
using RecService.Client.Sending;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the client and the sender to an application.</summary>
public static class RecServiceClientRegistration
{
    private const string Name = "RecService";

    /// <summary>
    /// Adds <see cref="IRecServiceClient"/>, over a connection pool of its own. Requests that fail in passing are sent again where that is harmless.
    /// </summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="configure">Sets at least the address and the key.</param>
    /// <returns>The builder of the HTTP client, for handlers of one's own.</returns>
    public static IHttpClientBuilder AddRecServiceClient(this IServiceCollection services, Action<RecServiceClientOptions> configure) =>
        AddClient(services, services.AddOptions<RecServiceClientOptions>().Configure(configure));

    /// <summary>
    /// Adds <see cref="IRecServiceClient"/> with options from the configuration. A key that changes there holds for the next request.
    /// </summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="section">Has at least the address and the key.</param>
    /// <returns>The builder of the HTTP client, for handlers of one's own.</returns>
    public static IHttpClientBuilder AddRecServiceClient(this IServiceCollection services, IConfiguration section) =>
        AddClient(services, services.AddOptions<RecServiceClientOptions>().Bind(section));

    /// <summary>
    /// Adds <see cref="InteractionSender"/>, which sends in the background, and sends the rest when the application stops. It needs
    /// <see cref="IRecServiceClient"/>.
    /// </summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="configure">Sets what is not to be as by default.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddInteractionSender(this IServiceCollection services, Action<InteractionSenderOptions>? configure = null)
    {
        services.AddOptions<InteractionSenderOptions>().Configure(configure ?? (_ => { })).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<InteractionSenderOptions>, InteractionSenderOptionsValidator>());
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => new InteractionSender(
            provider.GetRequiredService<IRecServiceClient>(),
            provider.GetRequiredService<IOptions<InteractionSenderOptions>>().Value,
            provider.GetRequiredService<ILogger<InteractionSender>>(),
            provider.GetRequiredService<IMeterFactory>(),
            provider.GetRequiredService<TimeProvider>()
        ));
        return services.AddHostedService<SenderLifetime>();
    }

    private static IHttpClientBuilder AddClient(IServiceCollection services, OptionsBuilder<RecServiceClientOptions> settings)
    {
        settings
            .Validate(
                options => options.BaseAddress is null or { IsAbsoluteUri: true, Scheme: "http" or "https" },
                $"{nameof(RecServiceClientOptions.BaseAddress)} is not an http address."
            )
            .Validate(
                options => options.ApiKey is null || options.ApiKey.All(character => character is > ' ' and <= '~'),
                $"{nameof(RecServiceClientOptions.ApiKey)} has characters that no key has."
            )
            .ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<RecServiceClientOptions>, RecServiceClientOptionsValidator>());
        services.TryAddTransient<RequestHandler>();
        services.TryAddTransient<AttemptHandler>();

        var client = services
            .AddHttpClient<IRecServiceClient, RecServiceClient>(Name)
            .ConfigureHttpClient(
                (provider, http) =>
                {
                    http.BaseAddress = WithSlash(provider.GetRequiredService<IOptionsMonitor<RecServiceClientOptions>>().CurrentValue.BaseAddress!);
                    // What takes how long is a matter of the request.
                    http.Timeout = Timeout.InfiniteTimeSpan;
                }
            )
            .UseSocketsHttpHandler(
                (handler, _) =>
                {
                    handler.ConnectTimeout = TimeSpan.FromSeconds(10);
                    // Addresses change; so the client may be kept by what lives as long as the application.
                    handler.PooledConnectionLifetime = TimeSpan.FromMinutes(2);
                    handler.AutomaticDecompression = System.Net.DecompressionMethods.All;
                    // The key is for this service alone.
                    handler.AllowAutoRedirect = false;
                }
            )
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
            .AddHttpMessageHandler<RequestHandler>();
        client.AddResilienceHandler(
            Name,
            (pipeline, context) => Attempts.Configure(pipeline, context.ServiceProvider.GetRequiredService<IOptions<RecServiceClientOptions>>().Value)
        );
        return client.AddHttpMessageHandler<AttemptHandler>();
    }

    private static Uri WithSlash(Uri address) => address.AbsoluteUri.EndsWith('/') ? address : new(address.AbsoluteUri + "/");
}
