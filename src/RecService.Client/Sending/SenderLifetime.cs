using Microsoft.Extensions.Hosting;

namespace RecService.Client.Sending;

/// <summary>Lets the sender send the rest before the host ends.</summary>
internal sealed class SenderLifetime(InteractionSender sender) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => sender.StopAsync(cancellationToken);
}
