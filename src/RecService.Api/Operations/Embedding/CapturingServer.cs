using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;

namespace RecService.Api.Operations.Embedding;

/// <summary>A server that listens nowhere: requests are handed to it.</summary>
internal sealed class CapturingServer : IServer
{
    private Func<IFeatureCollection, HttpContext, Task>? _process;

    public IFeatureCollection Features { get; } = new FeatureCollection();

    /// <summary>Whether it has begun to take requests, and has not ended.</summary>
    public bool IsStarted => _process is not null;

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull
    {
        _process = async (features, outer) =>
        {
            var context = application.CreateContext(features);
            Exception? failure = null;
            // An answer without a body starts after this, and looks at the request once more.
            outer.Response.OnCompleted(() =>
            {
                application.DisposeContext(context, failure);
                return Task.CompletedTask;
            });
            try
            {
                await application.ProcessRequestAsync(context);
            }
            catch (Exception exception)
            {
                failure = exception;
                throw;
            }
        };
        return Task.CompletedTask;
    }

    /// <summary>Answers a request.</summary>
    /// <param name="features">The request as this server is to see it.</param>
    /// <param name="outer">The request as it came.</param>
    public Task ProcessAsync(IFeatureCollection features, HttpContext outer) =>
        _process?.Invoke(features, outer) ?? throw new InvalidOperationException("The service has not been started.");

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _process = null;
        return Task.CompletedTask;
    }

    public void Dispose() { }
}
