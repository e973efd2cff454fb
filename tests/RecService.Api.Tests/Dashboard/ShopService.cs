using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Access;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Dashboard;

/// <summary>A shop's service as somebody would look at it: items with titles and pictures, a month of interactions, and two models.</summary>
public sealed class ShopService(DatabaseServer server) : KeyedService(server)
{
    private const int Users = 240;
    private const int Days = 30;

    private static readonly string[] Kinds = ["garden", "kitchen", "books", "games", "sport", "music"];
    private static readonly string[] Colours = ["#2e7d32", "#c62828", "#1565c0", "#6a1b9a", "#ef6c00", "#00838f"];
    private static readonly string[] Adjectives = ["Small", "Blue", "Folding", "Classic", "Light", "Grand", "Quiet", "Red", "Round", "Simple"];
    private static readonly string[] Nouns = ["spade", "kettle", "atlas", "puzzle", "racket", "ukulele"];
    private static readonly string[] Devices = ["phone", "desktop", "tablet"];

    public static int Items => Kinds.Length * Adjectives.Length;

    protected override IReadOnlyDictionary<string, string> Settings { get; } =
        new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Training:Enabled"] = "false",
            ["Training:Factors"] = "16",
            ["Training:Epochs"] = "12",
            ["Training:Gate"] = "Off",
            ["Access:AnonymousLimit:PerSecond"] = "0",
        };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        if (Browser.Executable is null)
        {
            return;
        }

        await SendAsync("/v1/items/import", Enumerable.Range(0, Items).Select(ItemAt));
        await SendAsync("/v1/interactions/import", Interactions());
        await TrainAsync();
        await TrainAsync();
    }

    public async Task<long> TrainAsync()
    {
        var run = await Client.PostJsonAsync("/v1/training-runs", new JsonObject(), HttpStatusCode.Accepted);
        var path = $"/v1/training-runs/{run.GetProperty("runId").GetInt64()}";
        while (run.GetProperty("status").GetString() == "running")
        {
            await Task.Delay(50);
            run = await Client.GetJsonAsync(path);
        }

        run.GetProperty("status").GetString().ShouldBe("succeeded", run.ToString());
        await Factory.Services.RefreshAsync();
        return run.GetProperty("modelVersion").GetInt64();
    }

    private static string IdOf(int item) => string.Create(CultureInfo.InvariantCulture, $"item-{item:D2}");

    private static JsonObject ItemAt(int item)
    {
        var kind = item % Kinds.Length;
        var picture =
            $"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 48 48'><rect width='48' height='48' fill='{Colours[kind]}'/>"
            + $"<circle cx='24' cy='24' r='{8 + (item / Kinds.Length)}' fill='white' fill-opacity='.7'/></svg>";
        return new()
        {
            ["itemId"] = IdOf(item),
            ["tags"] = new JsonArray(Kinds[kind]),
            ["attributes"] = new JsonObject { ["price"] = 5 + (item * 7 % 90) },
            ["metadata"] = new JsonObject
            {
                ["title"] = $"{Adjectives[item / Kinds.Length]} {Nouns[kind]}",
                ["picture"] = $"data:image/svg+xml,{Uri.EscapeDataString(picture)}",
            },
        };
    }

    // Sittings of a user, each among the items of a kind or two.
    private static IEnumerable<JsonObject> Interactions()
    {
        var random = new Random(7);
        var start = new DateTimeOffset(DateTime.UtcNow.Date, TimeSpan.Zero).AddDays(-Days);
        for (var user = 0; user < Users; user++)
        {
            for (var sitting = 0; sitting < 3; sitting++)
            {
                var at = start.AddMinutes(random.Next(Days * 24 * 60));
                var kind = (user + (sitting == 2 ? random.Next(Kinds.Length) : 0)) % Kinds.Length;
                var device = Devices[random.Next(Devices.Length)];
                foreach (var place in Enumerable.Range(0, Adjectives.Length).OrderBy(_ => random.Next()).Take(3 + random.Next(4)))
                {
                    at = at.AddSeconds(20 + random.Next(200));
                    var type = random.Next(10) switch
                    {
                        0 => "purchase",
                        <= 3 => "click",
                        _ => "view",
                    };
                    yield return new()
                    {
                        ["userId"] = string.Create(CultureInfo.InvariantCulture, $"user-{user:D3}"),
                        ["itemId"] = IdOf((place * Kinds.Length) + kind),
                        ["type"] = type,
                        ["occurredAt"] = at.ToString("O", CultureInfo.InvariantCulture),
                        ["context"] = new JsonObject { ["device"] = device },
                    };
                }
            }
        }
    }

    private async Task SendAsync(string path, IEnumerable<JsonObject> lines)
    {
        var answer = await Client.SendTextAsync(HttpMethod.Post, path, string.Join('\n', lines.Select(line => line.ToJsonString())), "application/x-ndjson");
        answer.GetProperty("rejected").GetInt32().ShouldBe(0, answer.ToString());
    }
}
