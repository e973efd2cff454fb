using System.Security.Cryptography;
using RecService.Engine.Data;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Synthetic;
using RecService.Engine.Training;
using RecService.Engine.Training.Parameters;
using RecService.Engine.Training.Threads;

namespace RecService.Engine.Tests.Training;

public sealed class ThreadTests(ITestOutputHelper output)
{
    private static readonly OneHotTruth Truth = new([300, 200, 20], factors: 3, noise: 0.5);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Solver.Sgd, Loss.Squared, Crossing.FieldPooled)]
    [InlineData(Solver.AdaGrad, Loss.Squared, Crossing.Plain)]
    [InlineData(Solver.AdaGrad, Loss.Logistic, Crossing.FieldWeighted)]
    [InlineData(Solver.AdaGrad, Loss.Logistic, Crossing.FieldAware)]
    [InlineData(Solver.Adam, Loss.Logistic, Crossing.FieldPooled)]
    public void A_deterministic_model_is_the_same_to_the_byte_with_one_two_and_four_threads(Solver solver, Loss loss, Crossing crossing)
    {
        var train = Truth.Draw(6_000, binary: loss == Loss.Logistic);
        var holdout = Truth.Draw(1_000, part: 1, binary: loss == Loss.Logistic);
        var settings = new TrainingSettings
        {
            Solver = solver,
            Loss = loss,
            Crossing = crossing,
            Factors = 9,
            Epochs = 4,
            LearningRate = 0.01f,
            Deterministic = true,
        };

        var hashes = new[] { 1, 2, 4 }
            .Select(threads =>
                HashOf(new Trainer(settings with { Threads = threads }).Train(Truth.Space, train, holdout, cancellationToken: Token).Model)
            )
            .ToArray();

        output.WriteLine(string.Join("\n", hashes));
        hashes.Distinct().Count().ShouldBe(1);
        HashOf(new Trainer(settings with { Seed = 2 }).Train(Truth.Space, train, holdout, cancellationToken: Token).Model).ShouldNotBe(hashes[0]);
    }

    [Theory]
    [InlineData(Loss.Logistic)]
    [InlineData(Loss.Bpr)]
    public void So_it_is_with_sampled_negatives(Loss loss)
    {
        var (space, positives, negatives) = Implicit(4_000);
        var settings = new TrainingSettings
        {
            Loss = loss,
            Factors = 8,
            Epochs = 4,
            Deterministic = true,
        };

        var hashes = new[] { 1, 2, 4 }.Select(threads =>
            HashOf(new Trainer(settings with { Threads = threads }).Train(space, positives, negatives: negatives, cancellationToken: Token).Model)
        );

        hashes.Distinct().Count().ShouldBe(1);
    }

    [Theory]
    [InlineData(Crossing.Plain, Solver.AdaGrad)]
    [InlineData(Crossing.FieldPooled, Solver.Sgd)]
    [InlineData(Crossing.FieldPooled, Solver.Adam)]
    [InlineData(Crossing.FieldWeighted, Solver.AdaGrad)]
    [InlineData(Crossing.FieldAware, Solver.Adam)]
    public void Several_threads_learn_as_well_as_one(Crossing crossing, Solver solver)
    {
        // Enough rows for cells, with a third field whose features all threads meet.
        var train = Truth.Draw(80_000);
        var holdout = Truth.Draw(10_000, part: 1);
        var rate = solver switch
        {
            Solver.Sgd => 0.01f,
            Solver.Adam => 0.002f,
            _ => 0.05f,
        };
        var settings = new TrainingSettings
        {
            Crossing = crossing,
            Solver = solver,
            Factors = 8,
            Epochs = 12,
            LearningRate = rate,
            L2Factors = 0.001f,
            L2Linear = 0.001f,
        };

        var one = Best(settings);
        var two = Best(settings with { Threads = 2 });
        var three = Best(settings with { Threads = 3 });

        output.WriteLine(
            FormattableString.Invariant($"holdout MSE with 1, 2, 3 threads: {one:0.0000} {two:0.0000} {three:0.0000}; the noise is 0.25")
        );
        two.ShouldBeLessThan(1.05 * one);
        three.ShouldBeLessThan(1.05 * one);

        double Best(TrainingSettings s) =>
            new Trainer(s).Train(Truth.Space, train, holdout, cancellationToken: Token).Epochs.Min(epoch => epoch.HoldoutLoss!.Value);
    }

    [Theory]
    [InlineData(Loss.Logistic)]
    [InlineData(Loss.Bpr)]
    public void Several_threads_learn_from_sampled_negatives_as_well_as_one(Loss loss)
    {
        var (space, positives, negatives) = Implicit(30_000);
        var holdout = negatives.Materialize(positives.Select([.. Enumerable.Range(0, 3_000)]), seed: 9);
        var settings = new TrainingSettings
        {
            Loss = loss,
            Factors = 8,
            Epochs = 6,
        };

        var one = new Trainer(settings).Train(space, positives, holdout, negatives, cancellationToken: Token).Epochs[^1].HoldoutLoss!.Value;
        var two = new Trainer(settings with { Threads = 2 })
            .Train(space, positives, holdout, negatives, cancellationToken: Token)
            .Epochs[^1]
            .HoldoutLoss!.Value;

        two.ShouldBe(one, 0.1 * one);
    }

    [Fact]
    public void Rows_that_have_no_two_entries_to_divide_by_are_learned_from_by_threads_too()
    {
        // Every column stands at every place of a row.
        var random = new RandomSource(3);
        var rows = new SparseRowsBuilder();
        var targets = new float[40_000];
        var weights = Enumerable.Range(0, 50).Select(_ => (float)random.NextNormal()).ToArray();
        for (var n = 0; n < targets.Length; n++)
        {
            for (var e = 0; e < 3; e++)
            {
                var column = random.Below(50);
                rows.Add(column, 1 + random.Below(2));
                targets[n] += weights[column];
            }

            rows.EndRow();
        }

        var examples = new ExampleSet(rows.Build(), targets);
        var space = FeatureSpace.OfOneField(50);
        double Loss(int threads) => new Trainer(
                new()
                {
                    Crossing = Crossing.Plain,
                    Factors = 4,
                    Epochs = 8,
                    Threads = threads,
                }
            ).Train(space, examples, examples, cancellationToken: Token).Epochs[^1].HoldoutLoss!.Value;

        Loss(2).ShouldBe(Loss(1), 0.1);
    }

    [Fact]
    public void Cells_hold_every_example_once_and_share_no_divided_column_unless_they_share_a_part()
    {
        var examples = Truth.Draw(80_000);
        int[] order = [.. Enumerable.Range(0, examples.Count).Reverse()];
        var partition = RowPartition.Of(examples, order, Occurrences.Of(Truth.Space, examples, null), threads: 2, bytes: 0).ShouldNotBeNull();

        partition.Order.Order().ShouldBe(Enumerable.Range(0, examples.Count));
        partition.Starts[0].ShouldBe(0);
        partition.Starts[^1].ShouldBe(examples.Count);
        var parts = partition.PartOf.ToArray();
        // The two larger fields divide; the third is left to all.
        parts[..500].ShouldAllBe(part => part >= 0);
        parts[500..].ShouldAllBe(part => part == -1);
        var sizes = new List<int>();
        for (var cell = 0; cell < partition.Parts * partition.Parts; cell++)
        {
            var members = partition.Order[partition.Starts[cell]..partition.Starts[cell + 1]];
            sizes.Add(members.Length);
            members.ShouldBe(members.OrderDescending());
            foreach (var example in members)
            {
                var columns = examples.Blocks[0][example].Columns;
                parts[columns[0]].ShouldBe(cell / partition.Parts);
                parts[columns[1]].ShouldBe(partition.Parts + (cell % partition.Parts));
            }
        }

        sizes.Max().ShouldBeLessThan(2 * sizes.Min());
    }

    [Fact]
    public void Threads_never_work_in_cells_that_have_a_part_in_common()
    {
        var examples = Truth.Draw(80_000);
        // Too few rows for cells that are worth it.
        RowPartition
            .Of(examples, [.. Enumerable.Range(0, 10_000)], Occurrences.Of(Truth.Space, examples, null), threads: 2, bytes: 0)
            .ShouldBeNull();
        var partition = RowPartition
            .Of(examples, [.. Enumerable.Range(0, examples.Count)], Occurrences.Of(Truth.Space, examples, null), threads: 2, bytes: 0)
            .ShouldNotBeNull();
        var queue = new CellQueue(partition, batchExamples: 100, threads: 2);
        var cellOf = queue.Batches.Select(batch => Array.FindLastIndex(partition.Starts, start => start <= batch.From)).ToArray();
        for (var round = 0; round < 20; round++)
        {
            queue.Restart(new RandomSource((ulong)round));
            var taken = new int[queue.Batches.Length];
            var busy = new int[2 * partition.Parts];
            var collisions = 0;
            Parallel.For(0, 2, new ParallelOptions { MaxDegreeOfParallelism = 2 }, thread =>
            {
                var cell = -1;
                for (var batch = queue.Next(thread); batch >= 0; batch = queue.Next(thread))
                {
                    Interlocked.Increment(ref taken[batch]);
                    if (cellOf[batch] != cell)
                    {
                        cell = cellOf[batch];
                        var (row, column) = (cell / partition.Parts, partition.Parts + (cell % partition.Parts));
                        Volatile.Write(ref busy[row], thread + 1);
                        Volatile.Write(ref busy[column], thread + 1);
                        Thread.SpinWait(50);
                        if (Volatile.Read(ref busy[row]) != thread + 1 || Volatile.Read(ref busy[column]) != thread + 1)
                        {
                            Interlocked.Increment(ref collisions);
                        }
                    }
                }
            });
            taken.ShouldAllBe(times => times == 1);
            collisions.ShouldBe(0);
        }
    }

    [Fact]
    public void What_a_thread_throws_reaches_the_caller_and_the_team_goes_on()
    {
        using var team = new WorkerTeam(3);
        Should
            .Throw<InvalidOperationException>(() =>
                team.Run(member =>
                {
                    if (member == 2)
                    {
                        throw new InvalidOperationException("of the third");
                    }
                })
            )
            .Message.ShouldBe("of the third");

        var sum = 0;
        team.Run(member => Interlocked.Add(ref sum, member));
        sum.ShouldBe(3);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public void Training_with_threads_can_be_cancelled(int threads, bool deterministic)
    {
        var train = Truth.Draw(80_000);
        using var cancellation = new CancellationTokenSource();
        var epochs = 0;

        Should.Throw<OperationCanceledException>(() =>
            new Trainer(
                new()
                {
                    Epochs = 1_000,
                    Threads = threads,
                    Deterministic = deterministic,
                }
            ).Train(
                Truth.Space,
                train,
                progress: _ =>
                {
                    if (++epochs == 3)
                    {
                        cancellation.Cancel();
                    }
                },
                cancellationToken: cancellation.Token
            )
        );

        epochs.ShouldBe(3);
    }

    /// <summary>Users, items and contexts in blocks of their own, every row a positive.</summary>
    internal static (FeatureSpace Space, ExampleSet Positives, NegativeSampling Negatives) Implicit(int count)
    {
        var rated = Truth.Draw(count);
        int[] sizes = [300, 200, 20];
        var blocks = new List<SparseRows>();
        var rows = new List<int[]>();
        var first = 0;
        for (var field = 0; field < sizes.Length; field++)
        {
            var builder = new SparseRowsBuilder(Truth.Space.ColumnCount);
            for (var feature = 0; feature < sizes[field]; feature++)
            {
                builder.Add(first + feature);
                builder.EndRow();
            }

            var (place, offset) = (field, first);
            blocks.Add(builder.Build());
            rows.Add([.. Enumerable.Range(0, count).Select(n => rated.Blocks[0][n].Columns[place] - offset)]);
            first += sizes[field];
        }

        return (Truth.Space, new(blocks, rows, [.. Enumerable.Repeat(1f, count)]), new(0, 1, 2, RowSets.FromPairs(300, rows[0], rows[1])));
    }

    private static string HashOf(FactorizationModel model)
    {
        using var stream = new MemoryStream();
        ModelFile.Save(stream, model);
        return Convert.ToHexString(SHA256.HashData(stream.ToArray()));
    }
}
