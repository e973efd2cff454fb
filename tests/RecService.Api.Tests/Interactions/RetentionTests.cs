using System.Diagnostics.Metrics;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Interactions;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

public sealed class RetentionTests(DatabaseServer server)
{
    [Fact]
    public async Task Interactions_that_are_too_old_for_their_type_go_and_all_others_stay()
    {
        await using var service = await StartAsync(("Retention:Types:view", "10.00:00:00"), ("Retention:Types:Click", "30.00:00:00"));
        await PostAsync(service, ("view", 9), ("view", 11), ("VIEW", 400), ("click", 11), ("click", 31), ("purchase", 4000));
        var counted = new Dictionary<string, long>(StringComparer.Ordinal);
        using var listener = Listen(service, counted);

        (await RunAsync(service)).ShouldBe(3);

        (await LeftAsync(service)).ShouldBe(["click 11", "purchase 4000", "view 9"]);
        counted.ShouldBe(new Dictionary<string, long> { ["view"] = 2, ["Click"] = 1 }, ignoreOrder: true);
        (await service.ScalarAsync<long>("SELECT count(*) FROM users")).ShouldBe(1);
    }

    [Fact]
    public async Task What_finds_nothing_is_no_change_to_train_for()
    {
        await using var service = await StartAsync(("Retention:Types:view", "10.00:00:00"));
        await PostAsync(service, ("view", 9));
        await using var connection = await service.Database.OpenConnectionAsync();
        var before = await ChangeLog.SnapshotAsync(connection, CancellationToken.None);

        (await RunAsync(service)).ShouldBe(0);

        (await ChangeLog.HasChangedSinceAsync(connection, before, [ChangeLog.Interactions], CancellationToken.None)).ShouldBeFalse();
    }

    [Fact]
    public async Task More_than_a_batch_goes_in_several_and_what_somebody_holds_is_left()
    {
        await using var service = await StartAsync(("Retention:Types:view", "10.00:00:00"));
        await PostAsync(service, ("view", 9), ("purchase", 4000));
        await service.ScalarAsync<long>(
            $"""
            WITH many AS (
                INSERT INTO interactions (user_key, item_key, type, occurred_at, received_at)
                SELECT user_key, item_key, 'view', now() - interval '20 days', now() FROM interactions, generate_series(1, {Retention.BatchSize}) WHERE type = 'view' RETURNING 1)
            SELECT count(*) FROM many
            """
        );
        await PostAsync(service, ("view", 12), ("view", 13));
        await using (var connection = await service.Database.OpenConnectionAsync())
        await using (var transaction = await connection.BeginTransactionAsync())
        {
            await connection.ExecuteAsync(
                "UPDATE interactions SET value = 1 WHERE occurred_at < now() - interval '13 days' AND occurred_at > now() - interval '14 days'",
                CancellationToken.None
            );

            (await RunAsync(service)).ShouldBe(Retention.BatchSize + 1);
        }

        (await LeftAsync(service)).ShouldBe(["purchase 4000", "view 13", "view 9"]);
        (await RunAsync(service)).ShouldBe(1);
    }

    [Fact]
    public async Task One_process_deletes_at_a_time()
    {
        await using var service = await StartAsync(("Retention:Types:view", "10.00:00:00"));
        await PostAsync(service, ("view", 11));
        await using (var connection = await service.Database.OpenConnectionAsync())
        {
            await connection.ScalarAsync<bool>("SELECT pg_try_advisory_lock($1)", CancellationToken.None, Retention.LockKey);
            (await RunAsync(service)).ShouldBe(0);
            await connection.ScalarAsync<bool>("SELECT pg_advisory_unlock($1)", CancellationToken.None, Retention.LockKey);
        }

        (await RunAsync(service)).ShouldBe(1);
    }

    [Theory]
    [InlineData("Retention:Types:view", "00:10:00")]
    [InlineData("Retention:Types:a b", "10.00:00:00")]
    [InlineData("Retention:Interval", "00:00:00")]
    [InlineData("Retention:Typos:view", "10.00:00:00")]
    public async Task A_setting_that_is_wrong_stops_the_start(string key, string value)
    {
        var connectionString = await server.CreateDatabaseAsync();
        using var factory = new RecServiceFactory(connectionString, new Dictionary<string, string>(StringComparer.Ordinal) { [key] = value });

        Should.Throw<Exception>(() => factory.CreateClient()).ToString().ShouldContain("Retention");

        await server.DropDatabaseAsync(connectionString);
    }

    private async Task<ServiceFixture> StartAsync(params (string Key, string Value)[] settings)
    {
        var service = new Service(server, settings);
        await service.InitializeAsync();
        return service;
    }

    private static Task<long> RunAsync(ServiceFixture service) =>
        service.Factory.Services.GetRequiredService<Retention>().RunAsync(CancellationToken.None);

    private static async Task PostAsync(ServiceFixture service, params (string Type, int DaysAgo)[] interactions)
    {
        var now = DateTimeOffset.UtcNow;
        await service.Client.PostJsonAsync(
            "/v1/interactions",
            new JsonObject
            {
                ["interactions"] = new JsonArray([
                    .. interactions.Select(i => new JsonObject
                    {
                        ["userId"] = "u",
                        ["itemId"] = "i",
                        ["type"] = i.Type,
                        ["occurredAt"] = now.AddDays(-i.DaysAgo).AddMinutes(-1).ToString("O"),
                    }),
                ]),
            },
            HttpStatusCode.OK
        );
    }

    private static async Task<string[]> LeftAsync(ServiceFixture service) =>
        (
            await service.ScalarAsync<string[]>(
                "SELECT array_agg(type || ' ' || extract(day FROM now() - occurred_at) ORDER BY type, occurred_at) FROM interactions"
            )
        )!;

    private static MeterListener Listen(ServiceFixture service, Dictionary<string, long> counted)
    {
        var meters = service.Factory.Services.GetRequiredService<IMeterFactory>();
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Scope == meters && instrument.Name == "recservice.retention.interactions")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>(
            (_, count, tags, _) => counted[(string)tags[0].Value!] = counted.GetValueOrDefault((string)tags[0].Value!) + count
        );
        listener.Start();
        return listener;
    }

    private sealed class Service(DatabaseServer server, (string Key, string Value)[] settings) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            settings.Append(("Training:Enabled", "false")).ToDictionary(s => s.Item1, s => s.Item2, StringComparer.Ordinal);
    }
}
