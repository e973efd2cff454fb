using Microsoft.Extensions.DependencyInjection;
using RecService.Client.Sending;

namespace RecService.Client.Tests;

/// <summary>An application that uses the client as it is registered, with answers of a test's.</summary>
internal sealed class Shop : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    public Shop(Answers answers, Action<RecServiceClientOptions>? client = null, Action<InteractionSenderOptions>? sender = null)
    {
        var services = new ServiceCollection();
        services
            .AddRecServiceClient(options =>
            {
                options.BaseAddress = new("http://recservice.example/below");
                options.ApiKey = "rs_key";
                client?.Invoke(options);
            })
            .ConfigurePrimaryHttpMessageHandler(() => answers);
        services.AddInteractionSender(sender);
        _services = services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }

    public IRecServiceClient Client => Get<IRecServiceClient>();

    public InteractionSender Sender => Get<InteractionSender>();

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
