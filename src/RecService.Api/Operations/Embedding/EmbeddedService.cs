using Microsoft.AspNetCore.Hosting.Server;
using RecService.Api.Http.Errors;
using RecService.Api.Storage;

namespace RecService.Api.Operations.Embedding;

/// <summary>
/// The whole service beside the pages of another application: with a container, a pipeline and settings of its own, so that nothing of it is the
/// host's. It starts before the host takes requests, and ends with it.
/// </summary>
internal sealed partial class EmbeddedService(IServiceProvider host, string section, ILogger<EmbeddedService> logger) : IHostedService, IAsyncDisposable
{
    private readonly CapturingServer _server = new();
    private WebApplication? _app;
    private Task _ending = Task.CompletedTask;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var environment = host.GetRequiredService<IHostEnvironment>();
        var builder = WebApplication.CreateEmptyBuilder(
            new()
            {
                ApplicationName = typeof(EmbeddedService).Assembly.GetName().Name,
                EnvironmentName = environment.EnvironmentName,
                ContentRootPath = environment.ContentRootPath,
            }
        );
        var settings = host.GetRequiredService<IConfiguration>();
        builder.Configuration.AddInMemoryCollection([
            new(DatabaseConfiguration.ConnectionKey, settings[DatabaseConfiguration.ConnectionKey]),
        ]);
        builder.Configuration.AddConfiguration(settings.GetSection(section));
        HostLogs.Configure(builder.Logging, host.GetRequiredService<ILoggerFactory>());
        builder.Services.AddRouting();
        builder.Services.AddSingleton<IServer>(_server);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddSingleton<IHttpContextAccessor, OwnContextAccessor>();
        _app = builder.AddService().Build();
        _app.UseService(isStandalone: false);
        _app.Lifetime.ApplicationStopping.Register(Stopping);
        await _app.StartAsync(cancellationToken);
    }

    /// <summary>Answers a request of the host.</summary>
    /// <param name="outer">The request.</param>
    /// <param name="prefixSegments">Of how many segments the path consists that the service was mapped to.</param>
    public async Task AnswerAsync(HttpContext outer, int prefixSegments)
    {
        if (_server.IsStarted)
        {
            await _server.ProcessAsync(InnerRequest.Of(outer, prefixSegments), outer);
            return;
        }

        outer.Response.Headers.RetryAfter = "5";
        await Problems.Of(StatusCodes.Status503ServiceUnavailable, "The service has ended, or has not begun yet.").ExecuteAsync(outer);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _ending;
        if (_app is not null)
        {
            await _app.StopAsync(cancellationToken);
        }
    }

    public ValueTask DisposeAsync() => _app?.DisposeAsync() ?? ValueTask.CompletedTask;

    private void Stopping()
    {
        if (!host.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested)
        {
            LogEnded();
            _ending = _app!.StopAsync();
        }
    }

    [LoggerMessage(LogLevel.Critical, "The recommendation service ends by itself, as it cannot go on; the host goes on without it")]
    private partial void LogEnded();

    /// <summary>The host's lifetime decides, not signals.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
