using System.Security.Claims;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using RecService.Api.Http;
using RecService.Api.Storage;
using RecService.Api.Storage.Entities;
using RecService.Api.Telemetry;

namespace RecService.Api.Access;

/// <summary>
/// All keys that are valid, in memory: no request asks the database, so that unknown prefixes cost it nothing and known keys work on while it is
/// away. Follows the table by looking at it, which takes no connection of its own and works through every pooler.
/// </summary>
internal sealed partial class KnownKeys(
    IDbContextFactory<RecServiceDbContext> contexts,
    IOptions<AccessOptions> options,
    IHostEnvironment environment,
    TimeProvider clock,
    ILogger<KnownKeys> logger
) : BackgroundService
{
    /// <summary>Another replica's revocation has to be known within a second.</summary>
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim _refreshing = new(1, 1);
    private volatile Dictionary<string, KnownKey> _keys = [];
    private bool _failing;

    /// <summary>Whether a key is configured that no revocation can take away.</summary>
    public bool HasBootstrap => options.Value.BootstrapKey is not null;

    /// <summary>Who sent the key; null when it is none of the valid ones.</summary>
    public ClaimsPrincipal? Find(KeyText sent)
    {
        var key = _keys.GetValueOrDefault(sent.Prefix, KnownKey.Nobody);
        return key.Matches(sent.Hash, clock.GetUtcNow()) ? key.Principal : null;
    }

    /// <summary>Does what <see cref="StillAllowed"/> says.</summary>
    public async Task EnsureAsync(HttpContext context, CancellationToken cancellationToken)
    {
        await RefreshAsync(cancellationToken);
        if (!SentKey.Of(context.Request).TryParse(out var key) || Find(key) is null)
        {
            throw new AccessWithdrawnException();
        }
    }

    /// <summary>Brings the keys up to date with the store: what was committed before the call is known after it.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            await using var context = await contexts.CreateDbContextAsync(cancellationToken);
            var now = clock.GetUtcNow();
            var stored = await context
                .ApiKeys.AsNoTracking()
                .Where(key => key.RevokedAt == null && (key.ExpiresAt == null || key.ExpiresAt > now))
                .ToListAsync(cancellationToken);
            var known = _keys;
            var keys = stored.ToDictionary(
                key => key.Prefix,
                key => known.GetValueOrDefault(key.Prefix) is { } former && former.IsOf(key) ? former : KnownKey.From(key),
                StringComparer.Ordinal
            );
            if (KeyText.TryParse(options.Value.BootstrapKey, out var bootstrap))
            {
                keys[bootstrap.Prefix] = KnownKey.Configured(bootstrap);
            }

            _keys = keys;
        }
        finally
        {
            _refreshing.Release();
        }
    }

    /// <summary>
    /// The same where a failure is no reason to give up: it is logged, once for each time that the store is away, and the keys that are known hold
    /// on.
    /// </summary>
    public async Task TryRefreshAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RefreshAsync(cancellationToken);
            Volatile.Write(ref _failing, false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception exception)
        {
            if (!Interlocked.Exchange(ref _failing, true))
            {
                LogRefreshFailed(exception.Discreet());
            }
        }
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync(cancellationToken);
        var now = clock.GetUtcNow();
        if (!_keys.Values.Any(key => key.IsAdminAt(now)))
        {
            if (environment.IsDevelopment())
            {
                await MakeFirstKeyAsync(now, cancellationToken);
            }
            else if (_keys.Values.Any(key => key.IsValidAt(now)))
            {
                LogNoAdmin(Roles.Admin, AccessOptions.BootstrapKeyName);
            }
            else
            {
                throw new StartupException(
                    $"No valid key is stored, and '{AccessOptions.BootstrapKeyName}' is not set, so nobody could use the service. "
                        + "Set it to a key of your own, for instance rs_bootstrap_$(openssl rand -hex 32)."
                );
            }
        }

        await base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _refreshing.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(PollInterval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryRefreshAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The end of the service.
        }
    }

    private async Task MakeFirstKeyAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        var key = KeyText.Generate(out var text);
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        context.ApiKeys.Add(
            new ApiKey
            {
                Prefix = key.Prefix,
                Hash = key.Hash,
                Name = "first key",
                Roles = [Roles.Admin],
                CreatedAt = now,
            }
        );
        context.AuditLog.Add(
            new AuditEntry
            {
                At = now,
                Action = "key.create",
                Target = $"{key.Prefix}: {Roles.Admin}",
                Outcome = AuditLog.Succeeded,
            }
        );
        await context.SaveChangesAsync(cancellationToken);
        await RefreshAsync(cancellationToken);

        // To the terminal, as logs may be sent elsewhere.
        await Console.Out.WriteLineAsync($"The first API key, with the role '{Roles.Admin}'. It is shown this once only:\n\n    {text}\n");
    }

    [LoggerMessage(LogLevel.Warning, "The API keys could not be read; those that are known hold on")]
    private partial void LogRefreshFailed(Exception exception);

    [LoggerMessage(LogLevel.Warning, "No valid key has the role '{Role}': nobody can make keys, train or change models until '{Setting}' is set")]
    private partial void LogNoAdmin(string role, string setting);
}
