using RecService.Api.Storage;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Storage;

public sealed class CollationTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task Ids_are_ordered_as_the_database_orders_them()
    {
        string[] parts = ["", "a", "B", "z", "é", "\uE000", "\uFFFD", "\U00010000", "\U0001F600", "\U0010FFFF"];
        string[] ids = [.. parts.SelectMany(first => parts.Select(second => $"{first}x{second}"))];
        ids.Order(CollationC.Instance)
            .ShouldBe(await service.ScalarAsync<string[]>("""SELECT array_agg(id ORDER BY id COLLATE "C") FROM unnest($1) AS id""", [ids]));
    }
}
