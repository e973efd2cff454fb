using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;

namespace RecService.Engine.Tests.Model;

/// <summary>ONNX Runtime scores what was exported as the engine does.</summary>
public sealed class OnnxFileTests
{
    private const int Rows = 300;

    public static TheoryData<Crossing, Loss, int> Models
    {
        get
        {
            var models = new TheoryData<Crossing, Loss, int>();
            foreach (var crossing in Enum.GetValues<Crossing>())
            {
                foreach (var loss in Enum.GetValues<Loss>())
                {
                    foreach (var factors in new[] { 1, 7, 16 })
                    {
                        models.Add(crossing, loss, factors);
                    }
                }
            }

            return models;
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Scores_predictions_and_vectors_are_those_of_the_engine(Crossing crossing, Loss loss, int factors)
    {
        var random = new RandomSource(11);
        foreach (var shared in new[] { false, true })
        {
            var space = RandomModels.Space(6, shared);
            var model = RandomModels.Model(space, crossing, factors, random, scale: 0.5, loss);
            RowBuffer[] rows =
            [
                new(),
                .. Enumerable.Range(0, Rows - 1).Select(row => RandomModels.Row(space, random, share: row % 10 / 12.0, numeric: row % 2 == 0)),
            ];

            Check(model, rows);
        }
    }

    [Fact]
    public void A_model_without_factors_is_its_linear_part()
    {
        var random = new RandomSource(12);
        var space = RandomModels.Space(3);
        var model = RandomModels.Model(space, Crossing.FieldPooled, 0, random, loss: Loss.Logistic);
        Check(model, [new(), .. Enumerable.Range(0, 50).Select(_ => RandomModels.Row(space, random, numeric: true))]);
    }

    [Theory]
    [InlineData(Crossing.FieldPooled)]
    [InlineData(Crossing.Plain)]
    public void Rows_without_any_entry_score_the_bias(Crossing crossing)
    {
        var model = SampleModels.Create(crossing, Loss.Logistic, 3);
        using var session = new InferenceSession(Export(model));
        using var results = Run(session, [], [], rows: 2);
        Output(results, "score").ToArray().ShouldBe([model.Bias, model.Bias]);
        Output(results, "cross").ToArray().ShouldAllBe(number => number == 0);
    }

    [Fact]
    public void Predictions_keep_to_the_range_of_the_targets_where_there_is_one()
    {
        var random = new RandomSource(13);
        var model = SampleModels.Create(Crossing.FieldWeighted, Loss.Squared, 5);
        var rows = Enumerable.Range(0, 100).Select(_ => RandomModels.Row(model.Space, random, numeric: true)).ToArray();
        rows.Select(row => model.Predict(new Scorer(model).Score(row.Row))).ShouldContain(model.TargetMaximum);
        Check(model, rows);
    }

    [Fact]
    public void Rows_that_the_features_of_a_model_encode_are_found_by_its_own_metadata()
    {
        var history = new HistorySettings { Length = 9 };
        var model = SampleModels.WithHistory(SampleModels.Create(Crossing.FieldPooled, Loss.Logistic, 6), history);
        using var session = new InferenceSession(Export(model));
        var metadata = session.ModelMetadata.CustomMetadataMap;
        metadata["loss"].ShouldBe("Logistic");
        metadata["history"].ShouldContain("\"length\":9", Case.Insensitive);
        JsonSerializer.Deserialize<string[]>(metadata["fields"]).ShouldBe(model.Space.Fields);
        var columns = new Dictionary<(string Group, string Category), int>();
        var numbers = new Dictionary<string, (int Column, double Mean, double Deviation)>(StringComparer.Ordinal);
        foreach (var line in metadata["feature_index"].Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var feature = JsonDocument.Parse(line).RootElement;
            var (column, group) = (feature.GetProperty("column").GetInt32(), feature.GetProperty("group").GetString()!);
            if (feature.TryGetProperty("category", out var category))
            {
                columns.Add((group, category.GetString()!), column);
            }
            else
            {
                numbers.Add(group, (column, feature.GetProperty("mean").GetDouble(), feature.GetProperty("deviation").GetDouble()));
            }
        }

        // By hand, as docs/onnx.md has it: what is not in the index, such as the tag 'peace', is left out.
        var age = numbers["user.attributes.age"];
        long[] entries = [columns[("user.id", "zoë 🎬")], columns[("item.id", "film")], columns[("tag", "war")], age.Column];
        float[] values = [1, 1, 1 / MathF.Sqrt(2), (float)Math.Clamp((33 - age.Mean) / age.Deviation, -10, 10)];
        using var results = Run(session, [.. entries], [.. values], rows: 1);

        var row = new RowBuffer();
        model.Features!.AppendUser(EntityFeatures.FromJson("zoë 🎬", [], """{"age": 33}"""), row);
        model.Features.AppendItem(EntityFeatures.FromJson("film", ["war", "peace"], "{}"), row);
        var score = new Scorer(model).Score(row.Row);
        Output(results, "score")[0].ShouldBe(score, tolerance: 1e-5 * Math.Max(1, Math.Abs(score)));
        Output(results, "prediction")[0].ShouldBe(model.Predict(score), tolerance: 1e-5);
    }

    [Fact]
    public void The_length_is_known_before_and_nothing_is_written_of_what_is_too_long()
    {
        var model = SampleModels.Create(Crossing.Plain, Loss.Squared, 3);
        Export(model).LongLength.ShouldBe(OnnxFile.LengthOf(model));

        OnnxFile.CheckLength(OnnxFile.MaximumLength);
        Should.Throw<ModelFormatException>(() => OnnxFile.CheckLength(OnnxFile.MaximumLength + 1)).Message.ShouldContain("2147483648");
    }

    [Fact]
    public void A_name_that_is_no_text_is_refused()
    {
        var model = new FactorizationModel(new FeatureSpace(["\ud800"], [0]), Crossing.Plain, Loss.Squared, 2, 0, [1], new float[16]);
        Should.Throw<ArgumentException>(() => OnnxFile.Export(Stream.Null, model));
    }

    private static void Check(FactorizationModel model, RowBuffer[] rows)
    {
        var scorer = new Scorer(model);
        var entries = Math.Max(1, rows.Max(row => row.Row.Length));
        var columns = new long[rows.Length * entries];
        var values = new float[rows.Length * entries];
        for (var r = 0; r < rows.Length; r++)
        {
            var row = rows[r].Row;
            for (var e = 0; e < row.Length; e++)
            {
                columns[(r * entries) + e] = row.Columns[e];
                values[(r * entries) + e] = row.ValueAt(e);
            }
        }

        using var session = new InferenceSession(Export(model));
        using var results = Run(session, columns, values, rows.Length);
        var (k, fields) = (model.Factors, model.Space.FieldCount);
        var hasPrediction = model.Loss is Loss.Squared or Loss.Logistic;
        session
            .OutputNames.ShouldBe(
                new[] { "score", "prediction", "linear", "cross", "pooled" }.Where(name =>
                    name == "prediction" ? hasPrediction : k > 0 || name is not ("cross" or "pooled")
                )
            );
        var cross = new float[k];
        var pooled = new float[fields * model.VectorLength];
        for (var r = 0; r < rows.Length; r++)
        {
            scorer.CrossFeatures(rows[r].Row, cross, pooled, out var linear, out var score);
            Equal(Output(results, "score")[r], score, $"score of row {r}");
            Equal(Output(results, "linear")[r], linear, $"linear part of row {r}");
            if (hasPrediction)
            {
                Equal(Output(results, "prediction")[r], model.Predict(score), $"prediction of row {r}");
            }

            if (k > 0)
            {
                for (var d = 0; d < k; d++)
                {
                    Equal(Output(results, "cross")[(r * k) + d], cross[d], $"cross feature {d} of row {r}");
                }

                for (var p = 0; p < pooled.Length; p++)
                {
                    Equal(Output(results, "pooled")[(r * pooled.Length) + p], pooled[p], $"pooled number {p} of row {r}");
                }
            }
        }
    }

    private static void Equal(float actual, float expected, string what) => actual.ShouldBe(expected, 1e-5 * Math.Max(1, Math.Abs(expected)), what);

    private static IDisposableReadOnlyCollection<DisposableNamedOnnxValue> Run(InferenceSession session, long[] columns, float[] values, int rows)
    {
        int[] shape = [rows, columns.Length / rows];
        return session.Run([
            NamedOnnxValue.CreateFromTensor("columns", new DenseTensor<long>(columns, shape)),
            NamedOnnxValue.CreateFromTensor("values", new DenseTensor<float>(values, shape)),
        ]);
    }

    private static ReadOnlySpan<float> Output(IDisposableReadOnlyCollection<DisposableNamedOnnxValue> results, string name) =>
        ((DenseTensor<float>)results.Single(result => result.Name == name).AsTensor<float>()).Buffer.Span;

    private static byte[] Export(FactorizationModel model)
    {
        using var stream = new MemoryStream();
        OnnxFile.Export(stream, model);
        return stream.ToArray();
    }
}
