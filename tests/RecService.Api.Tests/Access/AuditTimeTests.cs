using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using RecService.Api.Http;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Access;

public sealed class AuditTimeTests(KeyedService service) : IClassFixture<KeyedService>
{
    [Fact]
    public async Task The_log_is_read_from_a_time_on_and_up_to_another_one()
    {
        var (_, prefix) = await service.NewKeyAsync("audited", Roles.Score);
        var at = (await EntriesAsync("action=key.create"))
            .Single(entry => TargetOf(entry).StartsWith(prefix, StringComparison.Ordinal))
            .GetProperty("at");
        var time = Uri.EscapeDataString(at.GetString()!);
        var later = Uri.EscapeDataString(at.GetDateTimeOffset().AddMicroseconds(1).UtcDateTime.ToString("O", CultureInfo.InvariantCulture));

        (await HasAsync($"from={time}")).ShouldBeTrue();
        (await HasAsync($"from={later}")).ShouldBeFalse();
        (await HasAsync($"to={time}")).ShouldBeFalse();
        (await HasAsync($"to={later}")).ShouldBeTrue();

        async Task<bool> HasAsync(string query) =>
            (await EntriesAsync(query)).Exists(entry => TargetOf(entry).StartsWith(prefix, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_breaks_off_is_recorded_as_failed()
    {
        var audit = service.Factory.Services.GetRequiredService<AuditLog>();

        await Should.ThrowAsync<IOException>(() => audit.WatchAsync("breaking.off", () => throw new IOException("The caller has gone.")));
        await audit.WatchAsync("going.through", () => Task.CompletedTask);

        (await EntriesAsync("action=breaking.off")).ShouldHaveSingleItem().GetProperty("outcome").GetString().ShouldBe("failed");
        (await EntriesAsync("action=going.through")).ShouldHaveSingleItem().GetProperty("outcome").GetString().ShouldBe("succeeded");
    }

    private static string TargetOf(JsonElement entry) => entry.GetProperty("target").GetString() ?? "";

    private async Task<List<JsonElement>> EntriesAsync(string query) =>
        [.. (await service.Client.GetJsonAsync($"/v1/audit-log?limit=1000&{query}")).GetProperty("entries").EnumerateArray()];
}
