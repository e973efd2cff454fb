using System.Globalization;
using System.Text.Json;
using RecService.Cli.Commands;
using RecService.Cli.Service;
using static RecService.Cli.Demo.DemoOutput;

namespace RecService.Cli.Demo;

/// <summary>The whole way of the data through a running service: load, train, recommend, explain.</summary>
internal sealed class DemoRun(RecServiceClient service, DemoData data, DemoOutput output)
{
    private const int BatchSize = 5_000;
    private static readonly TimeSpan ReadyLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan PublicationLimit = TimeSpan.FromMinutes(1);

    public async Task RunAsync(string userId, CancellationToken cancellation)
    {
        output.Line($"Data: {data.Name}");
        output.Line($"Waiting for {service.Address} …");
        await service.WaitUntilReadyAsync(ReadyLimit, cancellation);

        output.Heading("Loading");
        await LoadAsync(cancellation);

        var run = await TrainAsync(cancellation);
        PrintMetrics(run);

        var answer = await RecommendAsync(userId, run.ModelVersion!.Value, cancellation);
        PrintItems(userId, answer);
        if (answer.Items is [var first, ..])
        {
            PrintExplanation(first);
            await PrintCrossVectorAsync(userId, first, answer.ModelVersion!.Value, cancellation);
        }

        output.Heading("Explore");
        output.Line($"  {new Uri(service.Address, "swagger")}");
    }

    private async Task LoadAsync(CancellationToken cancellation)
    {
        if (data.Users.Count > 0)
        {
            await ImportAsync("users", "v1/users/import", data.Users, cancellation);
        }

        await ImportAsync("items", "v1/items/import", data.Items, cancellation);
        await output.ProgressAsync(
            "interactions",
            data.InteractionCount,
            async progress =>
            {
                var total = new WriteResult(0, 0, 0, []);
                foreach (var batch in data.Interactions.Chunk(BatchSize))
                {
                    var result = await service.AddInteractionsAsync(batch, cancellation);
                    ThrowIfRejected("interactions", result);
                    total = total with { Accepted = total.Accepted + result.Accepted, Duplicates = total.Duplicates + result.Duplicates };
                    progress(total.Accepted + total.Duplicates);
                }

                return total;
            },
            total => $"{Number(total.Accepted),9} accepted, {Number(total.Duplicates)} duplicates"
        );
    }

    private Task<WriteResult> ImportAsync<T>(string what, string path, IReadOnlyCollection<T> lines, CancellationToken cancellation) =>
        output.ProgressAsync(
            what,
            lines.Count,
            async progress =>
            {
                var result = await service.ImportAsync(path, lines.Select((line, index) => Reported(line, index, progress)), cancellation);
                ThrowIfRejected(what, result);
                return result;
            },
            result => $"{Number(result.Accepted),9} accepted"
        );

    private static T Reported<T>(T line, int index, Action<long> progress)
    {
        progress(index + 1);
        return line;
    }

    private static void ThrowIfRejected(string what, WriteResult result)
    {
        if (result.Rejected > 0)
        {
            var reasons = (result.Errors ?? [])
                .Take(5)
                .Select(error => $"\n  {(error.Line is { } line ? $"line {line}" : $"index {error.Index}")}, {error.Field}: {error.Reason}");
            throw new CommandFailedException($"{Number(result.Rejected)} {what} were rejected{string.Concat(reasons)}");
        }
    }

    private async Task<TrainingRun> TrainAsync(CancellationToken cancellation)
    {
        var (runId, started) = await service.StartTrainingAsync(cancellation);
        output.Heading(started ? $"Training, run {runId}" : $"Training, run {runId}, which was already going on");
        output.EpochHeading();
        var printed = new HashSet<(string, int)>();
        while (true)
        {
            await foreach (var epoch in service.FollowTrainingAsync(runId, cancellation))
            {
                Print(epoch);
            }

            var run = await service.GetTrainingRunAsync(runId, cancellation);
            foreach (var epoch in run.Epochs)
            {
                Print(epoch);
            }

            switch (run.Status)
            {
                case "running":
                    await Task.Delay(TimeSpan.FromMilliseconds(500), cancellation);
                    continue;
                case "succeeded" when run.ModelVersion is not null:
                    return run;
                default:
                    throw new CommandFailedException($"training run {runId} {run.Status}{(run.Error is null ? "" : $": {run.Error}")}");
            }
        }

        void Print(TrainingEpoch epoch)
        {
            if (printed.Add((epoch.Phase, epoch.Epoch)))
            {
                output.Epoch(epoch);
            }
        }
    }

    private void PrintMetrics(TrainingRun run)
    {
        output.Line();
        if (run.Rows is { } rows)
        {
            var dropped = rows.Dropped is { Count: > 0 } reasons
                ? $" ({string.Join(", ", reasons.Select(reason => $"{Number(reason.Value)} {reason.Key}"))} left out)"
                : "";
            output.Line($"  {Number(rows.Used)} rows used{dropped}; best epoch {run.BestEpoch}; model {run.ModelVersion}");
        }

        if (run.Metrics is not { } metrics)
        {
            output.Line("  no holdout metrics were measured");
            return;
        }

        output.Heading(
            metrics.GetValueOrDefault("holdoutRows") is { } holdoutRows ? $"Holdout metrics, {Number((long)holdoutRows)} rows" : "Holdout metrics"
        );
        var shown = new List<string[]>();
        Add("RMSE", "rmse", "baselineRmse", "by the mean rating");
        if (data.NoiseFloor is { } floor && metrics.GetValueOrDefault("rmse") is not null)
        {
            shown.Add(["RMSE, noise floor", Number(floor), "the noise of the data, which no model can beat"]);
        }

        Add("MAE", "mae");
        Add("log loss", "logLoss");
        Add("AUC", "auc");
        Add("hit rate @10", "hitRate10", "popularityHitRate10", "by popularity");
        Add("NDCG @10", "ndcg10", "popularityNdcg10", "by popularity");
        output.Table(["metric", ">value", "compare"], shown);

        void Add(string name, string key, string? baseline = null, string? by = null)
        {
            if (metrics.GetValueOrDefault(key) is { } value)
            {
                shown.Add([
                    name,
                    Number(value),
                    baseline is not null && metrics.GetValueOrDefault(baseline) is { } other ? $"{Number(other)} {by}" : "",
                ]);
            }
        }
    }

    /// <summary>Asks until the run's model, or a newer one, is what answers.</summary>
    private async Task<Recommendations> RecommendAsync(string userId, long modelVersion, CancellationToken cancellation)
    {
        var query = new RecommendationQuery(userId, data.Context, Count: 10, Include: ["explanation"]);
        for (var waited = TimeSpan.Zero; waited < PublicationLimit; waited += TimeSpan.FromMilliseconds(200))
        {
            var answer = await service.RecommendAsync(query, cancellation);
            if (answer.Source == "model" && answer.ModelVersion >= modelVersion)
            {
                return answer;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), cancellation);
        }

        throw new CommandFailedException(
            $"model {modelVersion} was trained, but does not serve after {PublicationLimit.TotalSeconds:0} seconds; the service's log says why"
        );
    }

    private void PrintItems(string userId, Recommendations answer)
    {
        var context = data.Context is null ? "" : $" ({string.Join(", ", data.Context.Select(entry => $"{entry.Key} {entry.Value}"))})";
        output.Heading($"Recommendations for user {userId}{context}, model {answer.ModelVersion}");
        output.Table(
            [">rank", "item", "title", ">score", ">prediction", "tags"],
            [
                .. answer.Items.Select(item =>
                    new[]
                    {
                        item.Rank.ToString(CultureInfo.InvariantCulture),
                        item.ItemId,
                        TitleOf(item),
                        Number(item.Score),
                        item.Prediction is { } prediction ? Number(prediction) : "",
                        string.Join(", ", item.Tags ?? []),
                    }
                ),
            ]
        );
    }

    private void PrintExplanation(RecommendedItem item)
    {
        var explanation = item.Explanation ?? throw new CommandFailedException("the answer has no explanation");
        output.Heading($"Why item {item.ItemId} is first");
        var parts = new List<(string Name, double Value)> { ("bias", explanation.Bias) };
        parts.AddRange(explanation.Linear.Select(part => ($"linear, {part.Field}", part.Value)));
        parts.AddRange(explanation.Pairs.Select(pair => (string.Join(" × ", pair.Fields), pair.Value)));
        var sum = parts.Sum(part => part.Value);
        output.Table(
            ["part", ">value"],
            [.. parts.Select(part => new[] { part.Name, Number(part.Value) }), ["sum", Number(sum)], ["score", Number(item.Score)]]
        );
        ThrowIfApart("the sum of the explanation", sum, item.Score, parts.Sum(part => Math.Abs(part.Value)));
    }

    private async Task PrintCrossVectorAsync(string userId, RecommendedItem item, long modelVersion, CancellationToken cancellation)
    {
        var features = await service.GetCrossFeaturesAsync(
            new CrossFeaturesQuery(modelVersion, [new CrossFeaturesRow(userId, item.ItemId, data.Context)]),
            cancellation
        );
        var row = features.Rows[0];
        output.Heading($"Cross vector of user {userId} and item {item.ItemId}, {features.Factors} factors");
        foreach (var line in row.CrossVector.Chunk(8))
        {
            output.Line("  " + string.Join(' ', line.Select(value => Number(value).PadLeft(8))));
        }

        var sum = row.Bias + row.Linear + row.CrossVector.Sum();
        output.Line(
            $"  bias {Number(row.Bias)} + linear {Number(row.Linear)} + sum of the vector {Number(row.CrossVector.Sum())} = score {Number(row.Score)}"
        );
        ThrowIfApart(
            "bias + linear + sum of the cross vector",
            sum,
            row.Score,
            Math.Abs(row.Bias) + Math.Abs(row.Linear) + row.CrossVector.Sum(Math.Abs)
        );
    }

    private static void ThrowIfApart(string what, double sum, double score, double magnitude)
    {
        if (!(Math.Abs(sum - score) <= 1e-5 * (1 + magnitude)))
        {
            throw new CommandFailedException(string.Create(CultureInfo.InvariantCulture, $"{what} is {sum}, but the score is {score}"));
        }
    }

    private static string TitleOf(RecommendedItem item)
    {
        var title = item.Metadata?.GetValueOrDefault("title") is { ValueKind: JsonValueKind.String } text ? text.GetString()! : "";
        return item.Metadata?.GetValueOrDefault("year") is { ValueKind: JsonValueKind.Number } year ? $"{title} ({year})" : title;
    }
}
