using System.Net;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Scoring;

/// <summary>
/// A service with a catalogue, users and ratings, and one published model. Tests of this fixture do not change what others rely on.
/// </summary>
public sealed class TrainedService(DatabaseServer server) : ServiceFixture(server)
{
    public const int Users = 120;
    public const int Items = 90;
    public const int RatingsPerUser = 25;

    private static readonly string[] Genres = ["drama", "comedy", "war", "noir", "jazz"];
    private static readonly string[] Devices = ["phone", "desktop"];

    public static string User(int user) => $"u{user:D3}";

    public static string Item(int item) => $"i{item:D3}";

    public long ModelVersion { get; private set; }

    protected override IReadOnlyDictionary<string, string> Settings { get; } =
        new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Training:Enabled"] = "false",
            ["Training:Objective"] = "rating",
            ["Training:Factors"] = "8",
            ["Training:Epochs"] = "15",
            ["Training:L2Factors"] = "0.01",
            ["Access:AnonymousLimit:PerSecond"] = "0",
        };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await ImportAsync(
            "/v1/users/import",
            Enumerable
                .Range(0, Users)
                .Select(u => new JsonObject
                {
                    ["userId"] = User(u),
                    ["tags"] = new JsonArray(u % 2 == 0 ? "early" : "late"),
                    ["attributes"] = new JsonObject { ["age"] = 18 + (u % 50), ["country"] = u % 3 == 0 ? "it" : "no" },
                })
        );
        await ImportAsync(
            "/v1/items/import",
            Enumerable
                .Range(0, Items)
                .Select(i => new JsonObject
                {
                    ["itemId"] = Item(i),
                    ["tags"] = new JsonArray(Genres[i % 5], Genres[((i * 2) + 1) % 5]),
                    ["attributes"] = new JsonObject { ["year"] = 1950 + i, ["languages"] = new JsonArray("en", i % 4 == 0 ? "fr" : "de") },
                    ["metadata"] = new JsonObject { ["title"] = $"Title {i}" },
                })
        );
        await PostRatingsAsync(seed: 1);
        ModelVersion = await TrainAsync();
    }

    /// <summary>Posts ratings in which user u likes the items whose number leaves the remainder (u + seed) by 5.</summary>
    public async Task PostRatingsAsync(int seed)
    {
        var random = new Random(seed);
        var ratings = new JsonArray();
        for (var u = 0; u < Users; u++)
        {
            foreach (var i in Enumerable.Range(0, Items).OrderBy(_ => random.Next()).Take(RatingsPerUser))
            {
                var liked = i % 5 == (u + seed) % 5;
                var rating = new JsonObject
                {
                    ["userId"] = User(u),
                    ["itemId"] = Item(i),
                    ["type"] = "rating",
                    ["value"] = Math.Round(3 + (liked ? 1.5 : -0.5) + (random.NextDouble() * 0.5), 2),
                };
                if (random.Next(3) > 0)
                {
                    rating["context"] = new JsonObject { ["device"] = Devices[random.Next(2)], ["hour"] = random.Next(24) };
                }

                if (random.Next(4) == 0)
                {
                    rating["tags"] = new JsonArray(Genres[random.Next(5)]);
                }

                ratings.Add(rating);
            }
        }

        var answer = await Client.PostJsonAsync("/v1/interactions", new JsonObject { ["interactions"] = ratings });
        answer.GetProperty("accepted").GetInt32().ShouldBe(Users * RatingsPerUser);
    }

    /// <summary>Trains and waits until the new model is served; returns its version.</summary>
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
        await RefreshAsync();
        return run.GetProperty("modelVersion").GetInt64();
    }

    /// <summary>Has the snapshot follow the store now instead of within a second.</summary>
    public Task RefreshAsync() => Factory.Services.RefreshAsync();

    /// <summary>The request parts of a random user, known or not, with or without context and tags.</summary>
    public static JsonObject RandomRequest(Random random)
    {
        var request = new JsonObject();
        if (random.Next(8) > 0)
        {
            request["userId"] = random.Next(10) == 0 ? "stranger" : User(random.Next(Users));
        }

        if (random.Next(2) == 0)
        {
            request["context"] = new JsonObject
            {
                ["device"] = random.Next(5) == 0 ? "unheard-of" : Devices[random.Next(2)],
                ["hour"] = random.Next(30),
            };
        }

        if (random.Next(2) == 0)
        {
            request["tags"] = new JsonArray(Genres[random.Next(5)], "never-seen");
        }

        return request;
    }

    private async Task ImportAsync(string path, IEnumerable<JsonObject> lines)
    {
        var answer = await Client.SendTextAsync(
            HttpMethod.Post,
            path,
            string.Join('\n', lines.Select(l => l.ToJsonString())),
            "application/x-ndjson"
        );
        answer.GetProperty("rejected").GetInt32().ShouldBe(0, answer.ToString());
    }
}
