using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace RecService.Benchmarks;

/// <summary>
/// How soon recommendations know what a user has just done, without training: users do five new things each, posted to one process, and are asked for
/// in another one on the same database.
/// </summary>
internal static class FreshnessBenchmark
{
    private const int Users = 200;
    private const int NewOnes = 5;
    private const int Count = 10;

    // A new interaction is with one of the items that the list shows from the eleventh on, so that it does not change the list by being seen.
    private const int Reach = 60;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <param name="folder">As <see cref="Sequences.Read"/> takes it.</param>
    public static async Task<int> RunAsync(string folder)
    {
        var data = Sequences.Read(folder);
        using var first = await ServiceProcess.StartAsync(("Training:Enabled", "false"));
        using var writer = first.Client(connections: 1);
        await writer.PostRowsAsync(data.Train);
        var model = await writer.TrainAsync();
        using var second = await first.StartAnotherAsync(("Training:Enabled", "false"));
        using var reader = second.Client(connections: 1);
        var start = Stopwatch.GetTimestamp();
        while (await reader.ModelAsync() != model.Version)
        {
            await RestCalls.WaitAsync(start);
        }

        string[] users = [.. data.Train.Select(row => row.User).Distinct(StringComparer.Ordinal).Take(Users)];
        Console.WriteLine(
            $"{users.Length} users, {NewOnes} new interactions each, with items that their lists of {Count} do not hold: posted to one process, asked for in another."
        );
        var random = new Random(1);
        var (atOnce, later, never, others) = (0, 0, 0, 0);
        var times = new List<double>();
        foreach (var user in users)
        {
            for (var n = 0; n < NewOnes; n++)
            {
                var before = await ListAsync(reader, user, Reach);
                var item = before[Count + random.Next(before.Length - Count)];
                await writer.PostRowsAsync([new(user, item, DateTimeOffset.UtcNow)]);
                var acknowledged = Stopwatch.GetTimestamp();
                var after = await ListAsync(reader, user, Count);
                var changed = !after.SequenceEqual(before.Take(Count), StringComparer.Ordinal);
                atOnce += changed ? 1 : 0;
                others += after.Except(before.Take(Count), StringComparer.Ordinal).Count();
                while (!changed && Stopwatch.GetElapsedTime(acknowledged) < Limit)
                {
                    changed = !(await ListAsync(reader, user, Count)).SequenceEqual(before.Take(Count), StringComparer.Ordinal);
                    later += changed ? 1 : 0;
                }

                if (changed)
                {
                    times.Add(Stopwatch.GetElapsedTime(acknowledged).TotalMilliseconds);
                }
                else
                {
                    never++;
                }
            }
        }

        var all = users.Length * NewOnes;
        double[] sorted = [.. times.Order()];
        Console.WriteLine($"Changed with the next request  {(double)atOnce / all:P1}  ({(double)others / all:F1} of the {Count} items are others)");
        Console.WriteLine($"Changed later, never           {later}, {never}  (of {all}; never: not within {Limit.TotalSeconds} s)");
        Console.WriteLine(
            $"From the answer of the write to the changed list, in the other process: median {At(sorted, 0.5):F1} ms, 99 % within {At(sorted, 0.99):F1} ms"
        );
        Console.WriteLine(
            $"Visitors with the same recent items have the same lists and scores, to the bit: {await VisitorsAsync(writer, reader, users)} of {users.Length}"
        );
        return 0;
    }

    /// <summary>Users without attributes do three things each; how many of them get what a visitor gets who names these.</summary>
    private static async Task<int> VisitorsAsync(HttpClient writer, HttpClient reader, string[] users)
    {
        var (random, same) = (new Random(2), 0);
        for (var n = 0; n < users.Length; n++)
        {
            var (user, now) = ($"visitor-{n}", DateTimeOffset.UtcNow);
            var liked = await ListAsync(reader, users[n], Reach);
            SequenceRow[] rows =
            [
                .. random
                    .GetItems(liked, 3)
                    .Distinct(StringComparer.Ordinal)
                    .Select((item, i) => new SequenceRow(user, item, now.AddSeconds(i - 60))),
            ];
            await writer.PostRowsAsync(rows);
            var known = await AskAsync(reader, new { userId = user, count = Count });
            var visitor = await AskAsync(
                reader,
                new
                {
                    recentItems = rows.Select(row => new
                    {
                        itemId = row.Item,
                        type = RestCalls.Type,
                        occurredAt = row.Time,
                    }),
                    count = Count,
                }
            );
            same += known.GetProperty("items").GetRawText() == visitor.GetProperty("items").GetRawText() ? 1 : 0;
        }

        return same;
    }

    private static double At(double[] sorted, double share) => sorted.Length == 0 ? double.NaN : sorted[(int)(share * (sorted.Length - 1))];

    private static async Task<string[]> ListAsync(HttpClient client, string user, int count) =>
        RestCalls.ItemsOf(await AskAsync(client, new { userId = user, count }));

    private static async Task<JsonElement> AskAsync<T>(HttpClient client, T request)
    {
        using var answer = await client.PostAsJsonAsync("/v1/recommendations", request);
        return await RestCalls.ReadAsync(answer);
    }
}
