using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Data.Text;
using RecService.Engine.Layer;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using RecService.Engine.Synthetic;
using RecService.Engine.Training;
using RecService.Engine.Training.Sequences;

namespace RecService.Engine.Tests.Training;

/// <summary>The examples of the engine's readme, which are the lines between the marks of their names.</summary>
public sealed class ReadmeTests(ITestOutputHelper output)
{
    [Fact]
    public void A_run_goes_on_where_another_stood()
    {
        var path = Path.GetTempFileName();
        var settings = new TrainingSettings { Factors = 4, Epochs = 3 };
        var truth = new OneHotTruth([20, 30]);
        var (space, examples) = (truth.Space, truth.Draw(500, 0, binary: false));
        var (newSpace, newExamples) = (truth.Space, truth.Draw(500, 1, binary: false));
#pragma warning disable xUnit1051 // The example has no test to be cancelled with.
        // <warm>
        var former = new Trainer(settings) { KeepsState = true }.Train(space, examples);
        using (var file = File.Create(path))
        {
            former.State!.Save(file);
        }
        // … and the next day, with other examples and features:
        using var stored = File.OpenRead(path);
        var next = new Trainer(settings) { KeepsState = true }.Train(newSpace, newExamples, start: TrainingState.Load(stored));
        // </warm>
#pragma warning restore xUnit1051
        File.Delete(path);
        var cold = new Trainer(settings).Train(newSpace, newExamples, cancellationToken: TestContext.Current.CancellationToken);
        next.Epochs[0].TrainLoss.ShouldBeLessThan(cold.Epochs[0].TrainLoss);
    }

    [Fact]
    public void What_comes_next_is_learned_along_sequences()
    {
        const int Items = 12;
        const int Length = 8;
        EntityFeatures[] items = [.. Enumerable.Range(0, Items).Select(item => EntityFeatures.Create($"film-{item}", [$"genre-{item % 3}"], []))];
        var (itemRows, noFeatures) = (new SparseRowsBuilder(), new SparseRowsBuilder());
        noFeatures.EndRow();
        int[] starts = [.. Enumerable.Range(0, 81).Select(user => user * Length)];
        var users = new int[80];
        int[] chosen = [.. Enumerable.Range(0, 80 * Length).Select(e => ((e / Length) + (e % Length)) % Items)];
#pragma warning disable xUnit1051 // The example has no test to be cancelled with.
        var (index, roles, model, top, because) = Learn(items, itemRows, noFeatures.Build(), starts, users, chosen);
#pragma warning restore xUnit1051
        top[0].Item.ShouldBe(5);
        model.History!.Length.ShouldBe(50);
        because.Select(part => part.Event).Distinct().ShouldBe([0, 1]);
        because.Sum(part => part.Value).ShouldBeGreaterThan(0);
        roles.Count.ShouldBe(Items);
        index.ShouldBeSameAs(model.Features);
    }

    private static (FeatureIndex Index, ItemRoles Roles, FactorizationModel Model, RankedItem[] Top, HistoryContribution[] Because) Learn(
        EntityFeatures[] items,
        SparseRowsBuilder builder,
        SparseRows noFeatures,
        int[] starts,
        int[] users,
        int[] chosen
    )
    {
        var itemRows = RowsOf(items, builder);
        // <sequences>
        var features = new FeatureIndexBuilder();
        foreach (var item in items)
        {
            features.CountItem(item, 1); // EntityFeatures: id and tags
        }

        var (space, index) = features.Build(minimumCount: 1, history: true);
        var roles = ItemRoles.Of(index, items);
        var sequences = new SequenceSet
        {
            Users = noFeatures, // rows of what is known of users; ids need not be features
            Items = itemRows, // rows by index.AppendItem
            Roles = roles,
            Starts = starts, // first event of each user, and last the number of events
            UserOf = users, // user row of each sequence
            ItemOf = chosen, // item row of each event
        };
        var history = new HistorySettings { Length = 50 };
        var (train, holdout) = sequences.HoldOutLast(user => user % 2 == 0); // the last event of every other user
        var settings = TrainingSettings.For(Loss.Softmax) with { Factors = 16, Epochs = 10 };
        var model = new SequenceTrainer(settings, history) { ExcludesSeen = false }.Train(space, train, holdout, index).Model;

        var ranker = new ItemRanker(model, itemRows, roles: roles);
        var pooled = new HistoryPooling(model.History!, roles).Pool([new(Item: 3, Time: 1), new(Item: 4, Time: 2)]); // without training again
        var top = ranker.Top(pooled.Row, 3, repeats: pooled.Repeats);
        var because = new Scorer(model).Because(pooled, itemRows[top[0].Item]); // what item 3 and item 4 add to the score
        // </sequences>
        return (index, roles, model, top, because);
    }

    /// <summary>The rows that the index of the example below makes, which is the same for the same items.</summary>
    private static SparseRows RowsOf(EntityFeatures[] items, SparseRowsBuilder builder)
    {
        var features = new FeatureIndexBuilder();
        foreach (var item in items)
        {
            features.CountItem(item, 1);
        }

        var index = features.Build(minimumCount: 1, history: true).Index;
        foreach (var item in items)
        {
            var row = new RowBuffer();
            index.AppendItem(item, row);
            builder.AddRow(row.Row);
        }

        return builder.Build();
    }

    [Fact]
    public void A_model_goes_through_a_file()
    {
        var path = Path.GetTempFileName();
        var model = RandomModels.Model(RandomModels.Space(3), Crossing.FieldWeighted, 4, new(1));
        var score = new Scorer(model).Score(new([0, 7, 12]));
        // <models>
        using (var file = File.Create(path))
        {
            SafetensorsFile.Export(file, model);
        }

        using (var file = File.OpenRead(path))
        {
            model = SafetensorsFile.Import(file); // the same model, feature index included
        }
        // </models>
        File.Delete(path);
        new Scorer(model).Score(new([0, 7, 12])).ShouldBe(score);
    }

    [Fact]
    public void Files_share_a_feature_space_and_are_cached()
    {
        var folder = Directory.CreateTempSubdirectory("files");
        try
        {
            var (trainFile, validFile, cacheFile) = (
                Path.Combine(folder.FullName, "train.ffm"),
                Path.Combine(folder.FullName, "valid.ffm"),
                Path.Combine(folder.FullName, "train.rsx")
            );
            File.WriteAllText(trainFile, "1 0:0:1 1:2:0.5\n0 0:1:1 1:2:1\n");
            File.WriteAllText(validFile, "1 0:1:1 1:2:0.5 1:3:1\n");
            // <files>
            using var trainText = File.OpenRead(trainFile); // any stream: compressed, standard input, …
            using var validText = File.OpenRead(validFile);
            var train = SparseTextData.Read(trainText, trainFile); // makes the feature space
            var valid = SparseTextData.Read(validText, validFile, train.Space); // leaves out what it does not know: UnknownEntries
            using (var cache = File.Create(cacheFile))
            {
                ExampleFile.Save(cache, train.Space, train.Examples);
            }
            // </files>
            valid.UnknownEntries.ShouldBe(1);
            using var cached = File.OpenRead(cacheFile);
            ExampleFile.Load(cached, train.Space).Examples.Targets.ShouldBe([1, 0]);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_hidden_layer_on_the_cross_vector_learns_what_a_factorization_machine_cannot()
    {
        // Taste times flavour, whatever the sign: no sum of products equals it.
        var (space, batch, targets) = AbsoluteProducts(400, seed: 1);
        var (_, test, expected) = AbsoluteProducts(400, seed: 2);
        var machine = Fit(space, new(batch, targets));
        var machineError = Error(machine, test, expected);

        var settings = new
        {
            Hidden = 8,
            K = 4,
            Epochs = 300,
        };
        // <layer>
        var layer = new FactorizationLayer(space, Crossing.FieldPooled, settings.K, initialDeviation: 0.5f);
        var network = new HiddenLayer(settings.K, settings.Hidden);
        var cross = new float[batch.Count * settings.K];
        var affine = new float[batch.Count];
        for (var epoch = 0; epoch < settings.Epochs; epoch++)
        {
            layer.Forward(batch, cross, affine);
            var outputs = network.Forward(cross);
            var slopes = new float[batch.Count]; // ∂L/∂y of L = ½ mean (y − target)²
            for (var row = 0; row < batch.Count; row++)
            {
                slopes[row] = (affine[row] + outputs[row] - targets[row]) / batch.Count;
            }

            var crossGradient = network.Backward(cross, slopes, rate: 0.1f);
            layer.Apply(layer.Backward(batch, crossGradient, slopes), rate: 0.1f);
        }
        // </layer>

        var networkError = Error(layer, network, test, expected);
        var spread = Math.Sqrt(expected.Average(t => Math.Pow(t - expected.Average(), 2)));
        output.WriteLine(
            FormattableString.Invariant(
                $"RMSE on new rows: the mean {spread:0.000}, factorization machine {machineError:0.000}, with a hidden layer {networkError:0.000}"
            )
        );
        machineError.ShouldBeGreaterThan(0.9 * spread);
        networkError.ShouldBeLessThan(0.3 * machineError);
    }

    [Theory]
    [InlineData("train")]
    [InlineData("warm")]
    [InlineData("models")]
    [InlineData("files")]
    [InlineData("layer")]
    [InlineData("network")]
    public void The_readme_shows_the_code_that_is_tested(string part)
    {
        var root = Repository.Root.ShouldNotBeNull();
        var folder = Path.Combine(root, "tests", "RecService.Engine.Tests", "Training");
        var expected = string.Join("\n\n", Directory.GetFiles(folder, "Readme*.cs").SelectMany(file => MarkedBy(part, File.ReadAllLines(file))));
        expected.Length.ShouldBeGreaterThan(100);
        File.ReadAllText(Path.Combine(root, "src", "RecService.Engine", "README.md"))
            .ReplaceLineEndings("\n")
            .ShouldContain($"```csharp\n{expected}\n```");
    }

    /// <summary>Every piece of code between marks of a name, without its indentation and the empty lines that formatting puts before a mark.</summary>
    private static IEnumerable<string> MarkedBy(string part, string[] lines)
    {
        var (begin, end) = ($"// <{part}>", $"// </{part}>");
        foreach (var (number, _) in lines.Index().Where(line => line.Item.Trim() == begin))
        {
            var code = lines.Skip(number + 1).TakeWhile(line => line.Trim() != end).ToArray();
            var indent = code.Where(line => line.Length > 0).Min(line => line.Length - line.TrimStart().Length);
            yield return string.Join('\n', code.Select(line => line.Length == 0 ? line : line[indent..])).TrimEnd();
        }
    }

    private static FactorizationModel Fit(FeatureSpace space, ExampleSet examples) => new Trainer(
            new()
            {
                Factors = 4,
                Epochs = 300,
                InitialDeviation = 0.5f,
                L2Factors = 0,
                L2Linear = 0,
            }
        ).Train(space, examples, cancellationToken: TestContext.Current.CancellationToken).Model;

    private static double Error(FactorizationModel model, SparseRows rows, float[] targets)
    {
        var scorer = new Scorer(model);
        return Math.Sqrt(Enumerable.Range(0, rows.Count).Average(r => Math.Pow(scorer.Score(rows[r]) - targets[r], 2)));
    }

    private static double Error(FactorizationLayer layer, HiddenLayer network, SparseRows rows, float[] targets)
    {
        var (cross, affine) = (new float[rows.Count * layer.Factors], new float[rows.Count]);
        layer.Forward(rows, cross, affine);
        var outputs = network.Forward(cross);
        return Math.Sqrt(Enumerable.Range(0, rows.Count).Average(r => Math.Pow(affine[r] + outputs[r] - targets[r], 2)));
    }

    private static (FeatureSpace Space, SparseRows Rows, float[] Targets) AbsoluteProducts(int count, ulong seed)
    {
        var random = new RandomSource(seed);
        var dense = new float[count, 2];
        var targets = new float[count];
        for (var row = 0; row < count; row++)
        {
            (dense[row, 0], dense[row, 1]) = ((float)random.NextNormal(), (float)random.NextNormal());
            targets[row] = MathF.Abs(dense[row, 0] * dense[row, 1]);
        }

        return (new(["taste", "flavour"], [0, 1]), SparseRows.FromDense(dense), targets);
    }

    // <network>
    /// <summary>y = Σ_h a_h max(0, ⟨W_h, cross⟩ + b_h), trained by AdaGrad.</summary>
    private sealed class HiddenLayer(int inputs, int hidden)
    {
        private readonly float[] _parameters = Start(hidden * (inputs + 2)); // per unit: W_h, b_h, a_h
        private readonly float[] _squares = new float[hidden * (inputs + 2)];

        public float[] Forward(float[] cross) =>
            [
                .. Enumerable
                    .Range(0, cross.Length / inputs)
                    .Select(row => Enumerable.Range(0, hidden).Sum(unit => Unit(unit)[inputs + 1] * Activation(unit, cross, row))),
            ];

        public float[] Backward(float[] cross, float[] slopes, float rate)
        {
            var crossGradient = new float[cross.Length];
            var gradient = new float[_parameters.Length];
            for (var row = 0; row < slopes.Length; row++)
            {
                for (var unit = 0; unit < hidden; unit++)
                {
                    var activation = Activation(unit, cross, row);
                    if (activation <= 0)
                    {
                        continue;
                    }

                    var own = Unit(unit);
                    var byUnit = gradient.AsSpan(unit * (inputs + 2));
                    var slope = slopes[row] * own[inputs + 1];
                    for (var d = 0; d < inputs; d++)
                    {
                        byUnit[d] += slope * cross[(row * inputs) + d];
                        crossGradient[(row * inputs) + d] += slope * own[d];
                    }

                    byUnit[inputs] += slope;
                    byUnit[inputs + 1] += slopes[row] * activation;
                }
            }

            for (var p = 0; p < gradient.Length; p++)
            {
                _squares[p] += gradient[p] * gradient[p];
                _parameters[p] -= rate * gradient[p] / MathF.Sqrt(_squares[p] + 1e-8f);
            }

            return crossGradient;
        }

        private Span<float> Unit(int unit) => _parameters.AsSpan(unit * (inputs + 2), inputs + 2);

        private float Activation(int unit, float[] cross, int row)
        {
            var own = Unit(unit);
            var sum = own[inputs];
            for (var d = 0; d < inputs; d++)
            {
                sum += own[d] * cross[(row * inputs) + d];
            }

            return Math.Max(0, sum);
        }

        private static float[] Start(int count)
        {
            var random = new RandomSource(5);
            return [.. Enumerable.Range(0, count).Select(_ => 0.5f * (float)random.NextNormal())];
        }
    }
    // </network>
}
