using Npgsql;
using RecService.Api.Storage.Embedded;

namespace RecService.Api.Storage;

/// <summary>Has the database ready before any other hosted service starts, and keeps it until all of them have stopped.</summary>
internal sealed partial class DatabaseLifetime(IServiceProvider services, IHostApplicationLifetime lifetime, ILogger<DatabaseLifetime> logger)
    : IHostedLifecycleService
{
    private EmbeddedPostgres? _embedded;
    private Task _watching = Task.CompletedTask;
    private volatile bool _stopping;

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        var configuration = services.GetRequiredService<DatabaseConfiguration>();
        if (configuration.Embedded is not null)
        {
            _embedded = services.GetRequiredService<EmbeddedPostgres>();
            await _embedded.StartAsync(cancellationToken);
            _watching = WatchAsync(_embedded);
        }

        await services.GetRequiredService<DatabaseStartup>().RunAsync(cancellationToken);
    }

    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        _stopping = true;
        if (_embedded is not null)
        {
            // Pooled connections would notice the end of the server as errors.
            await services.GetRequiredService<NpgsqlDataSource>().DisposeAsync();

            // Whatever the host's limit says: a database that is not shut down has to recover at the next start.
            await _embedded.StopAsync();
            await _watching;
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task WatchAsync(EmbeddedPostgres embedded)
    {
        var exitCode = await embedded.Exited;
        if (!_stopping)
        {
            LogDied(exitCode, embedded.Settings.LogFile);
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }

    [LoggerMessage(LogLevel.Critical, "The embedded PostgreSQL ended unexpectedly with exit code {ExitCode}; the service stops. Its log: {LogFile}")]
    private partial void LogDied(int exitCode, string logFile);
}
