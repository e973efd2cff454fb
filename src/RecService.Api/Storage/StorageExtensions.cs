using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;
using RecService.Api.Storage.Embedded;

namespace RecService.Api.Storage;

internal static class StorageExtensions
{
    // As many as requests of the role ingest go on at a time by default.
    private const int LeastThreads = 32;

    /// <summary>
    /// Adds the database: one <see cref="NpgsqlDataSource"/> for EF Core and for COPY, the context, and the service that starts them. Add it before
    /// anything that has a hosted service using the database.
    /// </summary>
    public static IHostApplicationBuilder AddStorage(this IHostApplicationBuilder builder)
    {
        ReserveThreads();
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider =>
            DatabaseConfiguration.Read(provider.GetRequiredService<IConfiguration>(), provider.GetRequiredService<IHostEnvironment>().IsDevelopment())
        );
        services.AddSingleton(provider => new EmbeddedPostgres(
            provider.GetRequiredService<DatabaseConfiguration>().Embedded
                ?? throw new InvalidOperationException("A connection string is configured."),
            provider.GetRequiredService<ILogger<EmbeddedPostgres>>()
        ));
        services.AddSingleton(provider =>
            new NpgsqlDataSourceBuilder(provider.GetRequiredService<DatabaseConfiguration>().ConnectionString)
            {
                // Metrics and spans would have the connection string for a name.
                Name = "recservice",
            }
                .UseLoggerFactory(provider.GetRequiredService<ILoggerFactory>())
                .ConfigureTracing(tracing =>
                    tracing
                        // What asks once a second whether anything is new would fill the collector with traces of one span.
                        .ConfigureCommandFilter(_ => Activity.Current is not null)
                        .ConfigureBatchFilter(_ => Activity.Current is not null)
                        .ConfigureCopyOperationFilter(_ => Activity.Current is not null)
                        .EnableFirstResponseEvent(enable: false)
                )
                .Build()
        );
        services.AddDbContextFactory<RecServiceDbContext>(
            (provider, options) =>
                options
                    .UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>())
                    // Whoever catches the exception logs it, without the server's message, which may quote data.
                    .ConfigureWarnings(warnings =>
                        warnings.Log(
                            (RelationalEventId.CommandError, LogLevel.Debug),
                            (RelationalEventId.ConnectionError, LogLevel.Debug),
                            (CoreEventId.QueryIterationFailed, LogLevel.Debug),
                            (CoreEventId.SaveChangesFailed, LogLevel.Debug)
                        )
                    )
        );
        services.AddSingleton<BulkConnections>();
        services.AddSingleton<ReadCircuitBreaker>();
        services.AddSingleton<ReplicaRegistry>();
        services.AddHttpContextAccessor();
        services.AddSingleton<AuditLog>();
        services.AddSingleton<DatabaseStartup>();
        services.AddHostedService<DatabaseLifetime>();
        return builder;
    }

    /// <summary>
    /// To cancel a statement that a silent server does not answer, Npgsql holds a thread of the pool for seconds. With as many threads as cores,
    /// which is where the pool begins, a few such statements would hold up everything else, health probes among it.
    /// </summary>
    private static void ReserveThreads()
    {
        ThreadPool.GetMinThreads(out var threads, out var ports);
        ThreadPool.SetMinThreads(Math.Max(threads, LeastThreads), ports);
    }
}
