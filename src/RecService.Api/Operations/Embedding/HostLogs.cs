namespace RecService.Api.Operations.Embedding;

/// <summary>Logs where the host logs.</summary>
[ProviderAlias("Host")]
internal sealed class HostLogs(ILoggerFactory host) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => host.CreateLogger(categoryName);

    public void Dispose() { }

    /// <summary>As the settings file of the service has it, before what the host lets through.</summary>
    public static void Configure(ILoggingBuilder logging, ILoggerFactory host)
    {
        logging.AddProvider(new HostLogs(host));
        logging.SetMinimumLevel(LogLevel.Trace);
        logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);
        // The host logs its requests, and these are among them.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning);
        logging.AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Warning);
        logging.AddFilter("Npgsql", LogLevel.Warning);
        logging.AddFilter("RecService.Api.Access.ApiKeyHandler", LogLevel.Warning);
    }
}
