using System.Net;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

/// <summary>Interactions that must create neither users nor items.</summary>
public sealed class UnknownIdTests(DatabaseServer server)
{
    public static TheoryData<string> Ways => LateInteractions.Ways;

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Where_interactions_create_no_items_those_of_unknown_ones_are_rejected(string way)
    {
        await using var service = await StartAsync(("Interactions:CreateItems", "false"));
        await service.Client.PutJsonAsync("/v1/items/gone", new { }, HttpStatusCode.Created);
        await service.Client.DeleteItemAsync("gone");

        var response = await service.Client.SendAsync(way, new("no-item-u", "unknown"), new("new-u", "known"), new("known", "gone"));

        response.Accepted.ShouldBe(1);
        response.Rejected.ShouldBe(2);
        response.Errors.ShouldBe([new(0, "itemId", LateInteractions.Unknown), new(2, "itemId", LateInteractions.Deleted)]);
        (await service.Client.HasAsync("items", "unknown")).ShouldBeFalse();
        (await service.Client.HasAsync("users", "no-item-u")).ShouldBeFalse();
        (await service.Client.HasAsync("users", "new-u")).ShouldBeTrue();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Where_interactions_create_no_users_those_of_unknown_ones_are_rejected(string way)
    {
        await using var service = await StartAsync(("Interactions:CreateUsers", "false"));

        var response = await service.Client.SendAsync(way, new("unknown", "no-user-i"), new("known", "new-i"));

        response.Accepted.ShouldBe(1);
        response.Errors.ShouldBe([new(0, "userId", LateInteractions.Unknown)]);
        (await service.Client.HasAsync("users", "unknown")).ShouldBeFalse();
        (await service.Client.HasAsync("items", "no-user-i")).ShouldBeFalse();
        (await service.Client.HasAsync("items", "new-i")).ShouldBeTrue();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Where_they_create_nothing_each_reason_is_told_and_what_is_known_is_stored(string way)
    {
        await using var service = await StartAsync(
            ("Interactions:CreateUsers", "false"),
            ("Interactions:CreateItems", "false"),
            ("Interactions:RefuseDeletedItemsFor", "00:00:00")
        );
        await service.Client.PutJsonAsync("/v1/items/gone", new { }, HttpStatusCode.Created);
        await service.Client.DeleteItemAsync("gone");

        var response = await service.Client.SendAsync(
            way,
            new("unknown", "unknown", "1"),
            new("known", "known", "1"),
            new("known", "known", "1"),
            new("known", "gone", "2")
        );

        response.Accepted.ShouldBe(1);
        response.Duplicates.ShouldBe(1);
        response.Rejected.ShouldBe(2);
        response.Errors.ShouldBe([
            new(0, "userId", LateInteractions.Unknown),
            new(0, "itemId", LateInteractions.Unknown),
            new(3, "itemId", LateInteractions.Unknown),
        ]);
        (await service.ScalarAsync<long>("SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM items)")).ShouldBe(2);

        var problem = await service.Client.PostJsonAsync(
            "/v1/interactions",
            new { interactions = new[] { new Late("unknown", "unknown") } },
            HttpStatusCode.BadRequest
        );
        problem.Errors().Keys.ShouldBe(["interactions[0].userId", "interactions[0].itemId"], ignoreOrder: true);
    }

    [Theory]
    [InlineData("Interactions:RefuseDeletedItemsFor", "-00:00:01")]
    [InlineData("Interactions:RefuseDeletedItemsFor", "36501.00:00:00")]
    [InlineData("Interactions:CreateItems", "perhaps")]
    [InlineData("Interactions:CreateItem", "false")]
    public async Task A_setting_that_is_wrong_stops_the_start(string key, string value)
    {
        var connectionString = await server.CreateDatabaseAsync();
        using var factory = new RecServiceFactory(connectionString, new Dictionary<string, string>(StringComparer.Ordinal) { [key] = value });

        Should.Throw<Exception>(() => factory.CreateClient()).ToString().ShouldContain("Interactions");

        await server.DropDatabaseAsync(connectionString);
    }

    private async Task<ServiceFixture> StartAsync(params (string Key, string Value)[] settings)
    {
        var service = new Service(server, settings);
        await service.InitializeAsync();
        await LateInteractions.PrepareAsync(service.Client);
        return service;
    }

    private sealed class Service(DatabaseServer server, (string Key, string Value)[] settings) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            settings.Append(("Training:Enabled", "false")).ToDictionary(s => s.Item1, s => s.Item2, StringComparer.Ordinal);
    }
}
