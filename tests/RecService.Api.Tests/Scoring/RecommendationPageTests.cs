using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Scoring;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Scoring;

public sealed class RecommendationPageTests(HistoryTests.Service service) : IClassFixture<HistoryTests.Service>
{
    private const string Path = "/v1/recommendations";

    [Fact]
    public async Task Pages_are_one_list_while_nothing_changes()
    {
        await PostAsync("reader", "i02", "i04");
        var list = await RecommendAsync(new() { ["userId"] = "reader", ["count"] = 21 });
        list.GetProperty("items").GetArrayLength().ShouldBe(21);
        var pages = new List<JsonElement>();
        string? page = null;
        for (var n = 0; n < 3; n++)
        {
            var answer = await RecommendAsync(
                new()
                {
                    ["userId"] = "reader",
                    ["count"] = 7,
                    ["page"] = page,
                }
            );
            pages.AddRange(answer.GetProperty("items").EnumerateArray());
            page = NextPage(answer).ShouldNotBeNull();
        }

        pages.Select(item => item.ToString()).ShouldBe(list.GetProperty("items").EnumerateArray().Select(item => item.ToString()));
        pages[20].GetProperty("rank").GetInt32().ShouldBe(21);
    }

    [Fact]
    public async Task What_a_user_does_between_pages_repeats_no_item_and_loses_none()
    {
        await PostAsync("browser", "i02", "i04");
        var everything = Ids(await RecommendAsync(new() { ["userId"] = "browser", ["count"] = 1000 }));
        var shown = new List<string>();
        string? elsewhere = null;
        string? page = null;
        do
        {
            var answer = await RecommendAsync(
                new()
                {
                    ["userId"] = "browser",
                    ["count"] = 4,
                    ["page"] = page,
                }
            );
            shown.AddRange(Ids(answer));
            page = NextPage(answer);
            if (elsewhere is null)
            {
                // One that the first page showed, which becomes part of the history, and one that no page has shown yet.
                elsewhere = everything[^1];
                await PostAsync("browser", shown[0], elsewhere);
                var next = Ids(await RecommendAsync(new() { ["userId"] = "browser", ["count"] = 1000 }));
                next.Except(shown).ShouldNotBe(everything.Skip(4).Except([elsewhere]), "the ranking has changed");
            }
        } while (page is not null);

        shown.ShouldBeUnique();
        shown.ShouldBe(everything.Except([elsewhere]), ignoreOrder: true);
    }

    [Fact]
    public async Task A_page_in_a_batch_goes_on_as_by_itself()
    {
        var page = NextPage(await RecommendAsync(new() { ["userId"] = "u3", ["count"] = 5 }));
        JsonObject request = new() { ["userId"] = "u3", ["count"] = 5, ["page"] = page };
        var batch = await service.Client.PostJsonAsync(
            $"{Path}/batch",
            RecommendationBatchTests.Batch(request, new() { ["userId"] = "u4", ["page"] = page })
        );

        Ids(batch.GetProperty("answers")[0].GetProperty("recommendation")).ShouldBe(Ids(await RecommendAsync(request)));
        batch.GetProperty("answers")[1].GetProperty("problem").Errors()["page"].ShouldBe([ServedItems.NotOurs]);
    }

    [Fact]
    public async Task A_page_that_no_answer_gave_is_refused()
    {
        var page = NextPage(await RecommendAsync(new() { ["userId"] = "u1", ["count"] = 5 })).ShouldNotBeNull();
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        var changed = page.Select((letter, i) => page[..i] + alphabet[(alphabet.IndexOf(letter, StringComparison.Ordinal) + 1) % 64] + page[(i + 1)..]);
        var cut = Enumerable.Range(0, page.Length).Select(length => page[..length]);
        foreach (var text in changed.Concat(cut).Concat([$"{page}=", $"{page}A", $" {page}", "?", new string('A', 100_000)]))
        {
            await ShouldBeRefusedAsync("u1", text);
        }

        await ShouldBeRefusedAsync("u2", page);
        await ShouldBeRefusedAsync(null, page);
        await RecommendAsync(new() { ["userId"] = "u1", ["page"] = page });
    }

    [Fact]
    public void A_text_says_what_it_was_made_of_and_has_a_bound()
    {
        long[] keys = [long.MaxValue, 1, 200, 70_000, 3];
        var text = ServedItems.None.After(version: 7, "ann", keys).ShouldNotBeNull();
        var read = ServedItems.Read(text, "ann").ShouldNotBeNull();
        read.ModelVersion.ShouldBe(7);
        read.ItemKeys.ShouldBe([1, 3, 200, 70_000, long.MaxValue]);
        ServedItems.Read(text, "bob").ShouldBeNull();
        ServedItems.Read(ServedItems.None.After(version: null, userId: null, [5])!, userId: null)!.ModelVersion.ShouldBeNull();

        long[] many = [.. Enumerable.Range(1, ServedItems.Deepest - 1).Select(i => i * (long.MaxValue / ServedItems.Deepest))];
        var deep = ServedItems.None.After(version: long.MaxValue, "ann", many).ShouldNotBeNull();
        var deepest = ServedItems.Read(deep, "ann").ShouldNotBeNull();
        deepest.ItemKeys.ShouldBe(many);
        deepest.After(version: 1, "ann", [1]).ShouldBeNull();
    }

    private async Task ShouldBeRefusedAsync(string? user, string page)
    {
        var problem = await service.Client.PostJsonAsync(Path, new JsonObject { ["userId"] = user, ["page"] = page }, HttpStatusCode.BadRequest);
        problem.Errors()["page"].ShouldBe([ServedItems.NotOurs], page);
    }

    internal static string? NextPage(JsonElement answer) => answer.GetProperty("nextPage").GetString();

    internal static List<string> Ids(JsonElement answer) =>
        [.. answer.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("itemId").GetString()!)];

    private Task<JsonElement> RecommendAsync(JsonObject request) => service.Client.PostJsonAsync(Path, request);

    private Task PostAsync(string user, params string[] items) =>
        service.Client.PostJsonAsync(
            "/v1/interactions",
            new
            {
                interactions = items.Select(itemId => new
                {
                    userId = user,
                    itemId,
                    type = "view",
                }),
            }
        );
}
