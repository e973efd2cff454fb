using RecService.Api.Publishing;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Training;

namespace RecService.Api.Tests.Publishing;

public sealed class CatalogReaderTests(ServiceFixture service) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task Users_are_counted_anew_when_it_is_asked_for_and_only_interactions_make_it_due()
    {
        // Of its own, as the service's counts when it likes.
        var reader = new CatalogReader(service.Database, new TrainingOptions().ToFeedback(), TimeProvider.System);
        await InteractAsync("first");
        var read = await reader.ReadAsync(count: false, CancellationToken.None);
        Users(read).ShouldBe(1);

        await service.Client.PutJsonAsync("/v1/items/counted", new { tags = new[] { "new" } });
        (await CheckAsync(read)).ShouldBe((true, false));
        read = await reader.ReadAsync(count: false, CancellationToken.None);
        read.Catalog.Items.Single().Facts.Tags.ShouldBe(["new"]);

        await InteractAsync("second");
        (await CheckAsync(read)).ShouldBe((false, true));
        read = await reader.ReadAsync(count: false, CancellationToken.None);
        Users(read).ShouldBe(1);
        (await CheckAsync(read)).ShouldBe((false, true));
        read = await reader.ReadAsync(count: true, CancellationToken.None);
        Users(read).ShouldBe(2);
        (await CheckAsync(read)).ShouldBe((false, false));

        async Task<(bool ItemsChanged, bool CountDue)> CheckAsync(CatalogState state)
        {
            var (_, itemsChanged, countDue) = await reader.CheckAsync(state.DatabaseSnapshot, evenIfRecent: true, CancellationToken.None);
            return (itemsChanged, countDue);
        }
    }

    private Task InteractAsync(string user) =>
        service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = new[]
                {
                    new
                    {
                        userId = user,
                        itemId = "counted",
                        type = "view",
                    },
                },
            }
        );

    private static int Users(CatalogState state) => state.Catalog.Items.Single(item => item.ItemId == "counted").Users;
}
