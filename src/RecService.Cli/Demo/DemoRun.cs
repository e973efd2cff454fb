using System.Globalization;
using RecService.Cli.Commands;
using RecService.Client;
using static RecService.Cli.Demo.DemoOutput;

namespace RecService.Cli.Demo;

/// <summary>The whole way of the data through a running service: load, train, recommend, explain, and answer to what the user does next.</summary>
internal sealed class DemoRun(IRecServiceClient service, Uri address, DemoData data, DemoOutput output)
{
    private const int BatchSize = 5_000;
    private const int Count = 10;
    private const int MostBecause = 5;
    private static readonly TimeSpan ReadyLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan PublicationLimit = TimeSpan.FromMinutes(1);

    public async Task RunAsync(string userId, CancellationToken cancellation)
    {
        output.Line($"Data: {data.Name}");
        output.Line($"Waiting for {address} …");
        await WaitUntilReadyAsync(cancellation);

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

    /// <summary>The first start of an embedded database takes some seconds.</summary>
    private async Task WaitUntilReadyAsync(CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(ReadyLimit);
        var last = "it is not ready";
        try
        {
            while (!await IsReadyAsync())
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), deadline.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new CommandFailedException($"{address} was not ready within {ReadyLimit.TotalSeconds:0} seconds; last: {last}");
        }

        async Task<bool> IsReadyAsync()
        {
            try
            {
                return await service.IsReadyAsync(deadline.Token);
            }
            catch (HttpRequestException failure)
            {
                last = failure.Message;
                return false;
            }
        }
    }

    private async Task LoadAsync(CancellationToken cancellation)
    {
        if (data.Users.Count > 0)
        {
            await ImportAsync("users", data.Users, users => service.ImportUsersAsync(users, cancellation));
        }

        await ImportAsync("items", data.Items, items => service.ImportItemsAsync(items, cancellation));
        await output.ProgressAsync(
            "interactions",
            data.InteractionCount,
            async progress =>
            {
                var (accepted, duplicates) = (0L, 0L);
                foreach (var batch in data.Interactions.Chunk(BatchSize))
                {
                    var result = await PostAsync("interactions", batch, cancellation);
                    (accepted, duplicates) = (accepted + result.Accepted, duplicates + result.Duplicates);
                    progress(accepted + duplicates);
                }

                return (Accepted: accepted, Duplicates: duplicates);
            },
            total => $"{Number(total.Accepted),9} accepted, {Number(total.Duplicates)} duplicates"
        );
    }

    private Task<ImportResponse> ImportAsync<T>(string what, IReadOnlyCollection<T> lines, Func<IEnumerable<T>, Task<ImportResponse>> import) =>
        output.ProgressAsync(
            what,
            lines.Count,
            async progress =>
            {
                var result = await import(lines.Select((line, index) => Reported(line, index, progress)));
                ThrowIfRejected(what, result.Rejected, result.Errors.Select(error => $"line {error.Line}, {error.Field}: {error.Reason}"));
                return result;
            },
            result => $"{Number(result.Accepted),9} accepted"
        );

    private static T Reported<T>(T line, int index, Action<long> progress)
    {
        progress(index + 1);
        return line;
    }

    private async Task<InteractionBatchResponse> PostAsync(string what, IReadOnlyList<InteractionInput> batch, CancellationToken cancellation)
    {
        var result = await service.PostInteractionsAsync(new() { Interactions = batch }, cancellationToken: cancellation);
        ThrowIfRejected(what, result.Rejected, result.Errors.Select(error => $"index {error.Index}, {error.Field}: {error.Reason}"));
        return result;
    }

    private static void ThrowIfRejected(string what, long rejected, IEnumerable<string> reasons)
    {
        if (rejected > 0)
        {
            throw new CommandFailedException($"{Number(rejected)} {what} were rejected{string.Concat(reasons.Take(5).Select(reason => $"\n  {reason}"))}");
        }
    }

    private async Task<TrainingRunResponse> TrainAsync(CancellationToken cancellation)
    {
        var (runId, started) = await service.StartOrJoinTrainingRunAsync(cancellation);
        output.Heading(started ? $"Training, run {runId}" : $"Training, run {runId}, which was already going on");
        output.EpochHeading();
        TrainingRunResponse? run = null;
        await foreach (var progress in service.FollowTrainingRunAsync(runId, cancellation))
        {
            if (progress.Epoch is { } epoch)
            {
                output.Epoch(epoch);
            }

            run = progress.Finished;
        }

        return run switch
        {
            { Status: TrainingRunStatus.Succeeded, ModelVersion: { } version, Published: false } => throw new CommandFailedException(
                $"model {version} was trained, and is not served: {run.PublishReason}"
            ),
            { Status: TrainingRunStatus.Succeeded, ModelVersion: not null } => run,
            _ => throw new CommandFailedException($"training run {runId} ended as {run?.Status}{(run?.Error is null ? "" : $": {run.Error}")}"),
        };
    }

    private void PrintMetrics(TrainingRunResponse run)
    {
        output.Line();
        if (run.Rows is { } rows)
        {
            var dropped = rows.Dropped is { Count: > 0 } reasons
                ? $" ({string.Join(", ", reasons.Select(reason => $"{Number(reason.Value)} {reason.Key}"))} left out)"
                : "";
            output.Line($"  {Number(rows.Used)} rows used{dropped}; best epoch {run.BestEpoch}; model {run.ModelVersion}");
        }

        if (run.Metrics is not { HoldoutRows: > 0 } metrics)
        {
            output.Line("  no holdout metrics were measured");
            return;
        }

        output.Heading($"Holdout metrics, {Number(metrics.HoldoutRows)} rows");
        var shown = new List<string[]>();
        Add("RMSE", metrics.Rmse, (metrics.BaselineRmse, "by the mean rating"), (metrics.BiasRmse, "by the biases of users and items"));
        Add("MAE", metrics.Mae);
        Add("log loss", metrics.LogLoss);
        Add("AUC", metrics.Auc);
        Add("hit rate @10", metrics.HitRate10, (metrics.PopularityHitRate10, "by popularity"), (metrics.ItemKnnHitRate10, "by item-kNN"));
        if (data.BestHitRate is { } best && metrics.HitRate10 is not null)
        {
            shown.Add(["hit rate @10, best attainable", Number(best), "by the probabilities that the data were drawn from"]);
        }

        Add("NDCG @10", metrics.Ndcg10, (metrics.PopularityNdcg10, "by popularity"), (metrics.ItemKnnNdcg10, "by item-kNN"));
        output.Table(["metric", ">value", "compare"], shown);

        void Add(string name, double? measured, params ReadOnlySpan<(double? Value, string By)> baselines)
        {
            if (measured is not { } value)
            {
                return;
            }

            var compare = new List<string>();
            foreach (var baseline in baselines)
            {
                if (baseline.Value is { } other)
                {
                    compare.Add($"{Number(other)} {baseline.By}");
                }
            }

            shown.Add([name, Number(value), string.Join(", ", compare)]);
        }
    }

    /// <summary>Asks until the run's model, or a newer one, is what answers.</summary>
    private async Task<RecommendationResponse> RecommendAsync(string userId, long modelVersion, CancellationToken cancellation)
    {
        for (var waited = TimeSpan.Zero; waited < PublicationLimit; waited += TimeSpan.FromMilliseconds(200))
        {
            var answer = await service.RecommendAsync(Query(userId), cancellation);
            if (answer.Source is RecommendationSource.Model && answer.ModelVersion >= modelVersion)
            {
                return answer;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), cancellation);
        }

        throw new CommandFailedException(
            $"model {modelVersion} was trained, but does not serve after {PublicationLimit.TotalSeconds:0} seconds; the service's log says why"
        );
    }

    private RecommendationRequest Query(string userId) =>
        new()
        {
            UserId = userId,
            Context = data.Context,
            Count = Count,
            Include = [Include.Explanation],
        };

    private void PrintItems(string userId, RecommendationResponse answer)
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
            return [rank, item.ItemId, TitleOf(item.Metadata), Number(item.Score), .. predicted, string.Join(", ", item.Tags)];
        }
    }

    /// <summary>Lets the user click on the lowest of the recommended items, and shows that the next answer knows of it without a training.</summary>
    private async Task ClickAsync(string userId, RecommendationResponse before, CancellationToken cancellation)
    {
        var clicked = before.Items[^1].ItemId;
        // The id is fixed: whoever repeats a demo that was interrupted here sends a duplicate.
        var click = new InteractionInput
        {
            InteractionId = $"demo-click-{clicked}",
            UserId = userId,
            ItemId = clicked,
            Type = "click",
            OccurredAt = TimeProvider.System.GetUtcNow(),
            Context = data.Context,
        };
        await PostAsync("clicks", [click], cancellation);

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
        parts.AddRange(explanation.Linear.Select(part => ($"linear, {part.Field}", (double)part.Value)));
        parts.AddRange(explanation.Pairs.Select(pair => (string.Join(" × ", pair.Fields), (double)pair.Value)));
        var sum = parts.Sum(part => part.Value);
        output.Table(
            ["part", ">value"],
            [.. parts.Select(part => new[] { part.Name, Number(part.Value) }), ["sum", Number(sum)], ["score", Number(item.Score)]]
        );
        ThrowIfApart("the sum of the explanation", sum, item.Score, parts.Sum(part => Math.Abs(part.Value)));
    }

    private async Task PrintCrossVectorAsync(string userId, RecommendedItem item, long modelVersion, CancellationToken cancellation)
    {
        var features = await service.CrossFeaturesAsync(
            new()
            {
                ModelVersion = modelVersion,
                Rows = [new() { UserId = userId, ItemId = item.ItemId, Context = data.Context }],
            },
            cancellationToken: cancellation
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
