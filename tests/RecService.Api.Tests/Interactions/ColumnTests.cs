using System.Text.Json;
using RecService.Api.Interactions;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Interactions;

/// <summary>The list of columns beside the contracts.</summary>
public sealed class ColumnTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task The_document_shows_the_columns_and_no_others_in_their_order()
    {
        var schemas = (await service.Client.GetJsonAsync("/openapi/v1.json")).GetProperty("components").GetProperty("schemas");
        var names = InteractionColumns.All.Select(column => column.Name).ToArray();
        Properties("InteractionInput").ShouldBe(names);
        Properties("InteractionResponse").ShouldBe([.. names, "receivedAt"]);
        schemas
            .GetProperty("InteractionInput")
            .GetProperty("required")
            .Deserialize<string[]>()
            .ShouldBe(InteractionColumns.All.Where(column => column.IsRequired).Select(column => column.Name));

        IEnumerable<string> Properties(string schema) =>
            schemas.GetProperty(schema).GetProperty("properties").EnumerateObject().Select(property => property.Name);
    }

    [Fact]
    public async Task The_table_has_the_columns_and_no_others_but_its_key_and_the_time_of_receipt() =>
        (
            await service.ScalarAsync<string[]>(
                "SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = 'interactions'::regclass AND attnum > 0 AND NOT attisdropped"
            )
        ).ShouldBe([.. InteractionColumns.All.Select(column => column.Stored), "interaction_key", "received_at"], ignoreOrder: true);

    /// <summary>Each value survives each way in and the way out, in a column of CSV as in JSON.</summary>
    [Theory]
    [InlineData("batch", 1)]
    [InlineData("batch", 100)]
    [InlineData("import", 1)]
    [InlineData("csv", 1)]
    public async Task What_a_column_takes_comes_out_again(string way, int count)
    {
        var user = $"{way}-{count}";
        var lines = Enumerable
            .Range(0, count)
            .Select(i =>
                $$"""{"interactionId":"{{i}}","userId":"{{user}}","itemId":"item","type":"rating","value":0.1,"occurredAt":"2026-01-02T03:04:05.678901Z","tags":["b","a"],"context":{"device": "phone"},"recommendationId":"r"}"""
            )
            .ToArray();
        var (path, body, type) = way switch
        {
            "batch" => ("", $$"""{"interactions":[{{string.Join(',', lines)}}]}""", "application/json"),
            "import" => ("/import", string.Join('\n', lines), "application/x-ndjson"),
            _ => (
                "/import",
                $"interactionId,userId,itemId,type,value,occurredAt,tags,context.device,recommendationId\n0,{user},item,rating,0.1,2026-01-02T04:04:05.678901+01:00,b|a,phone,r\n",
                "text/csv"
            ),
        };
        var result = await service.Client.SendTextAsync(HttpMethod.Post, $"/v1/interactions{path}", body, type);
        result.GetProperty("accepted").GetInt32().ShouldBe(count, result.ToString());

        var exported = await service.Client.GetStringAsync(new Uri("/v1/interactions/export", UriKind.Relative));
        exported.Split('\n').Where(line => line.Contains($"\"{user}\"", StringComparison.Ordinal)).ShouldBe(lines);
    }
}
