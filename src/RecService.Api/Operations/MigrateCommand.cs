using RecService.Api.Storage;

namespace RecService.Api.Operations;

/// <summary>The command <c>migrate</c>: brings the schema up to date and ends, for pipelines in which the service itself may not.</summary>
internal static class MigrateCommand
{
    public const string Command = "migrate";

    /// <summary>Returns when the schema is up to date.</summary>
    public static async Task RunAsync(WebApplicationBuilder builder)
    {
        // The service it works for may be configured to leave it alone.
        builder.Configuration[$"{DatabaseOptions.Section}:{nameof(DatabaseOptions.Migrate)}"] = "true";
        builder.AddStorage();
        await using var app = builder.Build();
        var database = app.Services.GetServices<IHostedService>().OfType<DatabaseLifetime>().Single();
        try
        {
            await database.StartingAsync(CancellationToken.None);
        }
        finally
        {
            await database.StoppedAsync(CancellationToken.None);
        }
    }
}
