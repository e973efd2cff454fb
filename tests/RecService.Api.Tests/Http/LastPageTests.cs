using System.Net;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Http;

public sealed class LastPageTests(LastPageTests.Service service) : IClassFixture<LastPageTests.Service>
{
    [Theory]
    [InlineData("users")]
    [InlineData("items")]
    [InlineData("interactions")]
    [InlineData("api-keys")]
    [InlineData("audit-log")]
    [InlineData("training-runs")]
    [InlineData("models")]
    public async Task The_page_that_ends_a_list_has_no_cursor_also_if_it_is_full(string list)
    {
        var all = Elements(await PageAsync(list, limit: 1000));
        all.Count.ShouldBeGreaterThan(1);

        var full = await PageAsync(list, limit: all.Count);
        Elements(full).ShouldBe(all);
        full.GetProperty("nextCursor").ValueKind.ShouldBe(JsonValueKind.Null);

        var first = await PageAsync(list, limit: all.Count - 1);
        Elements(first).ShouldBe(all[..^1]);
        var last = await service.Client.GetJsonAsync($"/v1/{list}?limit=1&cursor={first.GetProperty("nextCursor").GetString()}");
        Elements(last).ShouldBe(all[^1..]);
        last.GetProperty("nextCursor").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    private Task<JsonElement> PageAsync(string list, int limit) => service.Client.GetJsonAsync($"/v1/{list}?limit={limit}");

    private static List<string> Elements(JsonElement page) =>
        [
            .. page.EnumerateObject()
                .Single(part => part.Value.ValueKind == JsonValueKind.Array)
                .Value.EnumerateArray()
                .Select(each => each.ToString()),
        ];

    public sealed class Service(DatabaseServer server) : ServiceFixture(server)
    {
        protected override IReadOnlyDictionary<string, string> Settings { get; } =
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Training:Enabled"] = "false",
                ["Training:Objective"] = "rating",
                ["Training:Epochs"] = "2",
            };

        public override async ValueTask InitializeAsync()
        {
            await base.InitializeAsync();
            await Client.PostRatingsAsync(users: 4, items: 4);
            for (var i = 0; i < 3; i++)
            {
                await Client.PostJsonAsync("/v1/api-keys", new { name = $"key {i}", roles = new[] { "score" } }, HttpStatusCode.Created);
                (await Client.TrainAsync()).GetProperty("status").GetString().ShouldBe("succeeded");
            }
        }
    }
}
