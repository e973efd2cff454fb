using System.Globalization;
using RecService.Engine.Data;
using RecService.Engine.Model;
using RecService.Engine.Scoring;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Training;

/// <summary>The ratings of MovieLens latest small, where a folder <c>shared/data</c> lies beside the repository.</summary>
public sealed class MovieLensTests(ITestOutputHelper output)
{
    [Fact]
    public void A_plain_model_with_the_default_settings_predicts_unseen_ratings()
    {
        var folder = Folder();
        Assert.SkipWhen(folder is null, "There is no folder shared/data/ml-latest-small-split beside the repository.");
        var (train, valid, test) = (Read(folder, "train"), Read(folder, "valid"), Read(folder, "test"));
        var space = FeatureSpace.OfOneField(new[] { train, valid, test }.Max(set => set.ColumnCount));
        var settings = new TrainingSettings { Interaction = FeatureInteraction.Plain, Factors = 16 };
        var result = new Trainer(settings).Train(space, train, valid, cancellationToken: TestContext.Current.CancellationToken);
        var scorer = new Scorer(result.Model);
        var error = Math.Sqrt(Enumerable.Range(0, test.Count).Average(e => Math.Pow(result.Model.Predict(scorer.Score(test.Blocks[0][e])) - test.Targets[e], 2)));
        var seconds = result.Epochs.Sum(e => e.Elapsed.TotalSeconds);
        output.WriteLine(FormattableString.Invariant($"test RMSE {error:0.0000} after epoch {result.BestEpoch} of {result.Epochs.Count}; {seconds / result.Epochs.Count:0.000} s an epoch"));
        error.ShouldBeLessThan(0.865);
    }

    private static string? Folder() =>
        Path.GetDirectoryName(Repository.Root) is { } parent && Path.Combine(parent, "shared", "data", "ml-latest-small-split") is var folder && Directory.Exists(folder) ? folder : null;

    private static ExampleSet Read(string? folder, string part)
    {
        var rows = new SparseRowsBuilder();
        var targets = new List<float>();
        foreach (var line in File.ReadLines(Path.Combine(folder!, part + ".libfm")))
        {
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            targets.Add(float.Parse(parts[0], CultureInfo.InvariantCulture));
            foreach (var entry in parts.Skip(1))
            {
                var colon = entry.IndexOf(':', StringComparison.Ordinal);
                rows.Add(int.Parse(entry.AsSpan(0, colon), CultureInfo.InvariantCulture), float.Parse(entry.AsSpan(colon + 1), CultureInfo.InvariantCulture));
            }

            rows.EndRow();
        }

        return new(rows.Build(), [.. targets]);
    }
}
