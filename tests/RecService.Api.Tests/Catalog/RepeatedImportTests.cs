using System.Text.Json;
using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Catalog;

public sealed class RepeatedImportTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Theory]
    [InlineData("users", "userId")]
    [InlineData("items", "itemId")]
    public async Task The_last_line_of_an_id_counts(string kind, string idName)
    {
        await ImportAsync(
            kind,
            $$"""
            {"{{idName}}": "same", "tags": ["first"]}
            {"{{idName}}": "other", "tags": ["other"]}
            {"{{idName}}": "same", "tags": ["last"]}
            """
        );

        (await service.Client.GetJsonAsync($"/v1/{kind}/same")).GetProperty("tags")[0].GetString().ShouldBe("last");
        (await service.Client.GetJsonAsync($"/v1/{kind}/other")).GetProperty("tags")[0].GetString().ShouldBe("other");
    }

    [Theory]
    [InlineData("users", "userId", ChangeLog.Users)]
    [InlineData("items", "itemId", ChangeLog.Items)]
    public async Task What_an_import_repeats_is_no_change(string kind, string idName, string relation)
    {
        var lines = $$$"""
            {"{{{idName}}}": "kept", "tags": ["a", "b"], "attributes": {"n": 1}}
            {"{{{idName}}}": "kept too"}
            """;
        await ImportAsync(kind, lines);
        var updated = await UpdatedAtAsync(kind);
        await using var connection = await service.Database.OpenConnectionAsync();
        var before = await ChangeLog.SnapshotAsync(connection, CancellationToken.None);

        await ImportAsync(kind, lines);

        (await UpdatedAtAsync(kind)).ShouldBe(updated);
        (await ChangeLog.HasChangedSinceAsync(connection, before, [relation], CancellationToken.None)).ShouldBeFalse();
    }

    private async Task<DateTimeOffset> UpdatedAtAsync(string kind) =>
        (await service.Client.GetJsonAsync($"/v1/{kind}/kept")).GetProperty("updatedAt").GetDateTimeOffset();

    private async Task ImportAsync(string kind, string lines)
    {
        JsonElement result = await service.Client.SendTextAsync(HttpMethod.Post, $"/v1/{kind}/import", lines, "application/x-ndjson");
        result.GetProperty("rejected").GetInt64().ShouldBe(0, result.ToString());
    }
}
