using System.Globalization;
using System.Text.Json;
using RecService.Cli.Commands;
using RecService.Cli.Service;
using static RecService.Cli.Demo.DemoOutput;

namespace RecService.Cli.Demo;

/// <summary>The whole way of the data through a running service: load, train, recommend, explain, and answer to what the user does next.</summary>
internal sealed class DemoRun(RecServiceClient service, DemoData data, DemoOutput output)
{
    private const int BatchSize = 5_000;
    private const int Count = 10;
    private const int MostBecause = 5;
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
            await ClickAsync(userId, answer, cancellation);
        }
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
                case "succeeded" when run is { ModelVersion: { } version, Published: false }:
                    throw new CommandFailedException($"model {version} was trained, and is not served: {run.PublishReason}");
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

        if (run.Metrics is not { } metrics || Measured("holdoutRows") is not (> 0 and var holdoutRows))
        {
            output.Line("  no holdout metrics were measured");
            return;
        }

        output.Heading($"Holdout metrics, {Number((long)holdoutRows)} rows");
        var shown = new List<string[]>();
        Add("RMSE", "rmse", ("baselineRmse", "by the mean rating"), ("biasRmse", "by the biases of users and items"));
        Add("MAE", "mae");
        Add("log loss", "logLoss");
        Add("AUC", "auc");
        Add("hit rate @10", "hitRate10", ("popularityHitRate10", "by popularity"), ("itemKnnHitRate10", "by item-kNN"));
        if (data.BestHitRate is { } best && Measured("hitRate10") is not null)
        {
            shown.Add(["hit rate @10, best attainable", Number(best), "by the probabilities that the data were drawn from"]);
        }

        Add("NDCG @10", "ndcg10", ("popularityNdcg10", "by popularity"), ("itemKnnNdcg10", "by item-kNN"));
        output.Table(["metric", ">value", "compare"], shown);

        double? Measured(string key) => metrics.GetValueOrDefault(key) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

        void Add(string name, string key, params ReadOnlySpan<(string Key, string By)> baselines)
        {
            if (Measured(key) is not { } value)
            {
                return;
            }

            var compare = new List<string>();
            foreach (var baseline in baselines)
            {
                if (Measured(baseline.Key) is { } other)
                {
                    compare.Add($"{Number(other)} {baseline.By}");
                }
            }

            shown.Add([name, Number(value), string.Join(", ", compare)]);
        }
    }

    /// <summary>Asks until the run's model, or a newer one, is what answers.</summary>
    private async Task<Recommendations> RecommendAsync(string userId, long modelVersion, CancellationToken cancellation)
    {
        for (var waited = TimeSpan.Zero; waited < PublicationLimit; waited += TimeSpan.FromMilliseconds(200))
        {
            var answer = await service.RecommendAsync(Query(userId), cancellation);
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

    private RecommendationQuery Query(string userId) => new(userId, data.Context, Count, Include: ["explanation"]);

    private void PrintItems(string userId, Recommendations answer)
    {
        var context = data.Context is null ? "" : $" ({string.Join(", ", data.Context.Select(entry => $"{entry.Key} {entry.Value}"))})";
        output.Heading($"Recommendations for user {userId}{context}, model {answer.ModelVersion}");
        PrintItems(answer.Items);
    }

    private void PrintItems(IReadOnlyList<RecommendedItem> items)
    {
        // Scores of the objective `next` compare, but predict nothing.
        string[] prediction = items.Any(item => item.Prediction is not null) ? [">prediction"] : [];
        output.Table([">rank", "item", "title", ">score", .. prediction, "tags"], [.. items.Select(Cells)]);

        string[] Cells(RecommendedItem item)
        {
            string[] predicted = prediction is [] ? [] : [item.Prediction is { } value ? Number(value) : ""];
            var rank = item.Rank.ToString(CultureInfo.InvariantCulture);
            return [rank, item.ItemId, TitleOf(item.Metadata), Number(item.Score), .. predicted, string.Join(", ", item.Tags ?? [])];
        }
    }

    /// <summary>Lets the user click on the lowest of the recommended items, and shows that the next answer knows of it without a training.</summary>
    private async Task ClickAsync(string userId, Recommendations before, CancellationToken cancellation)
    {
        var clicked = before.Items[^1].ItemId;
        // The id is fixed: whoever repeats a demo that was interrupted here sends a duplicate.
        var click = new InteractionLine(
            $"demo-click-{clicked}",
            userId,
            clicked,
            "click",
            Value: null,
            TimeProvider.System.GetUtcNow(),
            Context: data.Context?.ToDictionary(entry => entry.Key, object (entry) => entry.Value, StringComparer.Ordinal)
        );
        ThrowIfRejected("clicks", await service.AddInteractionsAsync([click], cancellation));

        var after = await service.RecommendAsync(Query(userId), cancellation);
        var changed = after.Items.Select(item => item.ItemId).Except(before.Items.Select(item => item.ItemId), StringComparer.Ordinal).Count();
        output.Heading($"After a click on item {clicked}, model {after.ModelVersion}: {changed} of the {after.Items.Count} items are others");
        PrintItems(after.Items);
        if (after.Items is [{ Explanation.Because: { Count: > 0 } because } first, ..])
        {
            PrintBecause(first.ItemId, because);
        }
    }

    private void PrintBecause(string itemId, IReadOnlyList<BecausePart> because)
    {
        var shown = because.Take(MostBecause).ToList();
        var titles = data
            .Items.Where(item => shown.Exists(part => part.ItemId == item.ItemId))
            .ToDictionary(item => item.ItemId, item => TitleOf(item.Metadata), StringComparer.Ordinal);
        output.Heading($"Which earlier items add most to the score of item {itemId}");
        output.Table(
            ["earlier item", "title", ">value"],
            [.. shown.Select(part => new[] { part.ItemId, titles.GetValueOrDefault(part.ItemId, ""), Number(part.Value) })]
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

    private static string TitleOf<T>(IReadOnlyDictionary<string, T>? metadata)
    {
        var title = Of("title");
        var year = Of("year");
        return year.Length > 0 ? $"{title} ({year})" : title;

        string Of(string key) => metadata is not null && metadata.TryGetValue(key, out var value) ? $"{value}" : "";
    }
}
