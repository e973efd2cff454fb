using System.Globalization;
using RecService.Engine.Data;
using RecService.Engine.Data.Text;
using RecService.Engine.Model;
using RecService.Engine.Scoring;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Training;

/// <summary>Ratings as files.</summary>
public sealed class RatingPredictionTests(RatingFolders folders, ITestOutputHelper output)
{
    public static TheoryData<string> Sources => new(RatingFolders.Names);

    public static MatrixTheoryData<string, string> SourcesAndFormats => new(RatingFolders.Names, ["libfm", "ffm"]);

    [Theory]
    [MemberData(nameof(Sources))]
    public void A_plain_model_with_the_default_settings_predicts_unseen_ratings(string source)
    {
        var folder = folders.Split(source);
        var data = Read(folder, "train.libfm");
        var (space, train) = (data.Space, data.Examples);
        var (valid, test) = (Read(folder, "valid.libfm", space).Examples, Read(folder, "test.libfm", space).Examples);
        var settings = new TrainingSettings { Crossing = Crossing.Plain, Factors = 16 };
        var result = new Trainer(settings).Train(space, train, valid, cancellationToken: TestContext.Current.CancellationToken);
        var scorer = new Scorer(result.Model);
        var error = Math.Sqrt(
            Enumerable.Range(0, test.Count).Average(e => Math.Pow(result.Model.Predict(scorer.Score(test.Blocks[0][e])) - test.Targets[e], 2))
        );
        var seconds = result.Epochs.Sum(e => e.Elapsed.TotalSeconds);
        output.WriteLine(
            FormattableString.Invariant(
                $"test RMSE {error:0.0000} after epoch {result.BestEpoch} of {result.Epochs.Count}; {seconds / result.Epochs.Count:0.000} s an epoch"
            )
        );
        error.ShouldBeLessThan(source == RatingFolders.MovieLens ? 0.865 : 0.47);
    }

    [Theory]
    [MemberData(nameof(SourcesAndFormats))]
    public void Files_are_read_as_a_plain_parser_reads_them(string source, string extension)
    {
        var folder = folders.Split(source);
        var space = Read(folder, $"train.{extension}").Space;
        var columns = new FileColumns(space);
        foreach (var part in new[] { "train", "valid", "test" })
        {
            var data = Read(folder, $"{part}.{extension}", space);
            var (example, unknown) = (0, 0L);
            foreach (var line in File.ReadLines(Path.Combine(folder, $"{part}.{extension}")))
            {
                var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                var row = data.Examples.Blocks[0][example];
                var at = 0;
                var same = data.Examples.Targets[example++] == float.Parse(parts[0], CultureInfo.InvariantCulture);
                foreach (var numbers in parts.Skip(1).Select(entry => entry.Split(':')))
                {
                    var index = int.Parse(numbers[^2], CultureInfo.InvariantCulture);
                    var column = numbers.Length == 2 ? columns.Find(index) : columns.Find(int.Parse(numbers[0], CultureInfo.InvariantCulture), index);
                    if (column < 0)
                    {
                        unknown++;
                    }
                    else
                    {
                        same &= row.Columns[at] == column && row.ValueAt(at++) == float.Parse(numbers[^1], CultureInfo.InvariantCulture);
                    }
                }

                if (!same || at != row.Length)
                {
                    Assert.Fail($"{part}: line {example} was not read as '{line}'.");
                }
            }

            data.Examples.Count.ShouldBe(example);
            data.UnknownEntries.ShouldBe(unknown);
            output.WriteLine($"{part}.{extension}: {example} rows, {data.Examples.Blocks[0].EntryCount} entries, {unknown} left out");
        }
    }

    private static SparseTextData Read(string folder, string file, FeatureSpace? space = null)
    {
        using var stream = File.OpenRead(Path.Combine(folder, file));
        return space is null ? SparseTextData.Read(stream, file) : SparseTextData.Read(stream, file, space);
    }
}
