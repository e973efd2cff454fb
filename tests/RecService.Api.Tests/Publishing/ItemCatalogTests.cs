using RecService.Api.Publishing;
using RecService.Api.Storage;

namespace RecService.Api.Tests.Publishing;

public sealed class ItemCatalogTests
{
    private static readonly string[] Tags = ["a", "b", "c", "d"];

    [Fact]
    public void A_catalogue_that_follows_changes_says_what_one_made_anew_says_and_former_ones_stay_as_they_are()
    {
        var random = new Random(7);
        var stored = new SortedDictionary<string, CatalogItem>(CollationC.Instance);
        // Of the database's order, which is not that of UTF-16.
        var ids = Enumerable.Range(0, 3_000).Select(i => i % 3 == 0 ? $"\U0001F600{i}" : i % 3 == 1 ? $"\uFFFD{i}" : $"i{i}").ToArray();
        var key = 0L;
        foreach (var id in ids.Take(1_500))
        {
            stored.Add(id, NewItem(id));
        }

        var catalog = new ItemCatalog([.. stored.Values]);
        for (var step = 0; step < 60; step++)
        {
            var (former, formerly) = (catalog, Describe(catalog));
            // Now and then so many that the order of popularity is merged.
            var size = step % 20 == 19 ? 2_000 : random.Next(20);
            var deleted = stored.Keys.OrderBy(_ => random.Next()).Take(size / 3).ToArray();
            long[] keys = [.. deleted.Select(id => stored[id].ItemKey), 999_999_999];
            Array.ForEach(deleted, id => stored.Remove(id));
            CatalogItem[] changed = [.. ids.OrderBy(_ => random.Next()).Take(size).Select(Changed)];
            Array.ForEach(changed, item => stored[item.ItemId] = item);
            CatalogItem[] counted = [.. stored.Values.OrderBy(_ => random.Next()).Take(size / 2).Select(item => item with { Users = random.Next(5) })];
            Array.ForEach(counted, item => stored[item.ItemId] = item);

            (catalog, var indices) = catalog.With(changed, keys, [.. counted.Select(item => KeyValuePair.Create(item.ItemKey, item.Users)), new(999_999_999, 3)]);

            indices.Select(index => catalog.Items[index].ItemKey).ShouldBe(changed.Select(item => item.ItemKey));
            Describe(catalog).ShouldBe(Describe(new ItemCatalog([.. stored.Values])));
            Describe(former).ShouldBe(formerly);
            (catalog.Count - catalog.Deleted).ShouldBe(stored.Count);
        }

        CatalogItem NewItem(string id) => new(++key, id, Facts(), random.Next(3));

        CatalogItem Changed(string id) => stored.TryGetValue(id, out var item) ? item with { Facts = Facts() } : NewItem(id);

        ItemFacts Facts() => new(random.Next(4) > 0, [.. Tags.Where(_ => random.Next(3) == 0)]);
    }

    [Fact]
    public void An_item_that_is_stored_anew_has_the_index_that_it_had_and_what_is_untouched_is_shared()
    {
        var catalog = new ItemCatalog([.. Enumerable.Range(0, 5_000).Select(i => new CatalogItem(i + 1, $"i{i:D5}", new(true, ["t"]), 0))]);

        var (without, _) = catalog.With([], [42], []);
        var (again, indices) = without.With([new(9_000, "i00041", new(true, ["t"]), 1)], [], []);

        without.IndexOf("i00041").ShouldBeNull();
        without.IndexOf(42).ShouldBeNull();
        without.Tagged("t").ShouldNotContain(41);
        indices.ShouldBe([41]);
        again.IndexOf("i00041").ShouldBe(41);
        again.IndexOf(9_000).ShouldBe(41);
        again.IndexOf(42).ShouldBeNull("another item has its place");
        again.Deleted.ShouldBe(0);
        again.ByPopularity.First().ShouldBe(41);
        again.ChunkOf(41).ShouldNotBeSameAs(catalog.ChunkOf(41));
        again.ChunkOf(4_000).ShouldBeSameAs(catalog.ChunkOf(4_000));
    }

    /// <summary>What requests see of a catalogue, in the terms of ids.</summary>
    private static string Describe(ItemCatalog catalog)
    {
        var items = catalog.Items.Where(item => item.ItemKey != 0).ToArray();
        foreach (var item in items)
        {
            var index = catalog.IndexOf(item.ItemId).ShouldNotBeNull();
            catalog.IndexOf(item.ItemKey).ShouldBe(index);
            catalog.Items[index].ShouldBe(item);
            ((catalog.Available[index / 64] >> (index % 64)) & 1).ShouldBe(item.Facts.Available ? 1UL : 0UL);
        }

        // What is left of deleted items.
        catalog.Items.Where(item => item.ItemKey == 0).ShouldAllBe(item => !item.Facts.Available && item.Users == 0);
        var byId = items.OrderBy(item => catalog.IndexOf(item.ItemId)!.Value, Comparer<int>.Create(catalog.ById.Compare));
        return string.Join(
            '\n',
            [
                .. byId.Select(item => $"{item.ItemKey} {item.ItemId} {item.Users} {item.Facts.Available} {string.Join(',', item.Facts.Tags)}"),
                .. Tags.Select(tag => string.Join(',', catalog.Tagged(tag).Order(catalog.ById).Select(index => catalog.Items[index].ItemId))),
                string.Join(',', catalog.ByPopularity.Where(index => catalog.Items[index].ItemKey != 0).Select(index => catalog.Items[index].ItemId)),
            ]
        );
    }
}
