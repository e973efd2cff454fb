using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;
using RecService.Engine.Tests.Model;
using RecService.Engine.Training;
using RecService.Engine.Training.Sequences;

namespace RecService.Engine.Tests.Training.Sequences;

public sealed class SequenceTrainerTests
{
    private static readonly HistorySettings History = new() { Length = 20 };

    private static readonly TrainingSettings Settings = TrainingSettings.For(Loss.Softmax) with
    {
        Factors = 8,
        Epochs = 60,
        Patience = 60,
        Dropout = 0.1f,
    };

    [Theory]
    [InlineData(0.2001, 0.2, 1_999_999, true)]
    [InlineData(0.2001, 0.2, 2_000_000, false)]
    [InlineData(0.2011, 0.2, 2_000_000, true)]
    [InlineData(-0.1995, -0.2, 2_000_000, false)]
    [InlineData(-0.198, -0.2, 2_000_000, true)]
    [InlineData(0.1, double.NegativeInfinity, 2_000_000, true)]
    [InlineData(0.2, 0.2, 1, false)]
    public void With_many_events_a_small_gain_is_no_reason_for_other_epochs(double merit, double best, int events, bool expected) =>
        SequenceTrainer.IsGain(merit, best, events).ShouldBe(expected);

    [Theory]
    [InlineData(Crossing.FieldPooled, 0)]
    [InlineData(Crossing.FieldWeighted, 0)]
    [InlineData(Crossing.FieldPooled, 6)]
    public void What_follows_what_is_learned(Crossing interaction, int negatives)
    {
        // Each item is followed by the next one, from wherever a user begins.
        const int Items = 24;
        var (space, index, set) = Chain(users: 60, Items, length: 12);
        var (train, holdout) = set.HoldOutLast(_ => true);

        var result = new SequenceTrainer(Settings with { Crossing = interaction, Negatives = negatives }, History) { ExcludesSeen = false }.Train(
            space,
            train,
            holdout,
            index
        );

        result.Epochs[^1].TrainLoss.ShouldBeLessThan(0.7 * result.Epochs[0].TrainLoss);
        result.Epochs[result.BestEpoch - 1].Ranking!.Value.HitRate.ShouldBe(1);
        result.Epochs[result.BestEpoch - 1].Ranking!.Value.Ndcg.ShouldBeGreaterThan(0.9);
        // The best of means over the epochs, so that one lucky epoch is not it.
        var means = new List<double>();
        foreach (var epoch in result.Epochs)
        {
            var ndcg = epoch.Ranking!.Value.FullNdcg;
            ndcg.ShouldBeGreaterThanOrEqualTo(epoch.Ranking.Value.Ndcg);
            means.Add(means.Count == 0 ? ndcg : (0.7 * means[^1]) + (0.3 * ndcg));
        }

        result.BestEpoch.ShouldBe(1 + means.IndexOf(means.Max()));
        result.Model.History.ShouldBe(History);
        var ranker = new ItemRanker(result.Model, set.Items, roles: set.Roles);
        var pooling = new HistoryPooling(History, set.Roles!);
        var right = Enumerable
            .Range(0, Items)
            .Count(item =>
            {
                var pooled = pooling.Pool([new((item + Items - 1) % Items, 1, 1), new(item, 1, 2)]);
                return ranker.Top(pooled.Row, 1)[0].Item == (item + 1) % Items;
            });

        // Of sampled negatives, a few are drawn too seldom.
        right.ShouldBeGreaterThanOrEqualTo(negatives == 0 ? Items : Items * 3 / 4);
    }

    [Theory]
    [InlineData(Loss.Bpr)]
    [InlineData(Loss.Logistic)]
    public void Other_losses_learn_it_too(Loss loss)
    {
        var (space, index, set) = Chain(users: 80, items: 24, length: 12);
        var (train, holdout) = set.HoldOutLast(_ => true);
        var settings = TrainingSettings.For(loss) with { Factors = 8, Epochs = 40, Dropout = 0, Patience = 40, L2Factors = 0, L2Linear = 0 };

        var result = new SequenceTrainer(settings, History) { ExcludesSeen = false }.Train(space, train, holdout, index);

        result.Epochs[result.BestEpoch - 1].Ranking!.Value.HitRate.ShouldBe(1);
        result.Model.Loss.ShouldBe(loss);
    }

    [Fact]
    public void Ratings_learn_from_what_was_rated_before()
    {
        // The rating is 5 after an item of the same kind, and 1 after one of the other.
        var random = new RandomSource(4);
        var (space, index, set) = Chain(users: 200, items: 10, length: 10);
        int[] items = [.. Enumerable.Range(0, set.Count).Select(_ => random.Below(10))];
        var targets = new float[set.Count];
        for (var sequence = 0; sequence < set.SequenceCount; sequence++)
        {
            for (var e = set.Starts[sequence]; e < set.Starts[sequence + 1]; e++)
            {
                targets[e] = e > set.Starts[sequence] && items[e] % 2 == items[e - 1] % 2 ? 5 : 1;
            }
        }

        var (train, holdout) = (set with { ItemOf = items, Targets = targets }).HoldOutLast(_ => true);
        var settings = TrainingSettings.For(Loss.Squared) with { Factors = 8, Epochs = 80, Patience = 20, Dropout = 0, L2Factors = 0 };

        var result = new SequenceTrainer(settings, History with { Gamma = 0 }).Train(space, train, holdout, index);

        // The deviation of the ratings is 2.
        Math.Sqrt(result.Epochs[result.BestEpoch - 1].HoldoutLoss!.Value).ShouldBeLessThan(0.7);
        result.BestEpoch.ShouldBe(result.Epochs.MinBy(epoch => epoch.HoldoutLoss)!.Epoch);
        result.Model.TargetMaximum.ShouldBe(5);
    }

    [Fact]
    public void Coming_again_is_learned_where_it_happens()
    {
        // Each user has two items of their own, in turns.
        var random = new RandomSource(6);
        var (space, index, set) = Chain(users: 100, items: 60, length: 10, repeat: true);
        var items = new int[set.Count];
        var turns = new List<(int One, int Other)>();
        for (var sequence = 0; sequence < set.SequenceCount; sequence++)
        {
            var (one, other) = (random.Below(60), random.Below(60));
            turns.Add((one, other));
            for (var e = set.Starts[sequence]; e < set.Starts[sequence + 1]; e++)
            {
                items[e] = random.Below(2) == 0 ? one : other;
            }
        }

        var all = set with { ItemOf = items };
        all.HasRepeats().ShouldBeTrue();
        var (train, holdout) = all.HoldOutLast(sequence => sequence % 2 == 0);
        var result = new SequenceTrainer(Settings with { Factors = 4, Epochs = 40 }, History) { ExcludesSeen = false }.Train(
            space,
            train,
            holdout,
            index
        );

        result.Epochs[result.BestEpoch - 1].Ranking!.Value.HitRate.ShouldBeGreaterThan(0.95);
        var ofAll = index.Features.Single(feature => feature.Group == "repeat").Column;
        result.Model.Weights[ofAll].ShouldBeGreaterThan(1);
        result.Model.FactorsOf(ofAll).ToArray().ShouldAllBe(factor => factor == 0);

        var ranker = new ItemRanker(result.Model, all.Items, roles: all.Roles);
        var pooling = new HistoryPooling(History, all.Roles!);
        // A third item may come between, which another user had in turns with one of them.
        turns.Count(turn => IsOfOwn(turn, repeats: true)).ShouldBeGreaterThan(90);
        turns.Count(turn => IsOfOwn(turn, repeats: true)).ShouldBeGreaterThan(turns.Count(turn => IsOfOwn(turn, repeats: false)));

        bool IsOfOwn((int One, int Other) turn, bool repeats)
        {
            var pooled = pooling.Pool([new(turn.One, 1, 1), new(turn.Other, 1, 2), new(turn.One, 1, 3)]);
            var best = ranker.Top(pooled.Row, 3, repeats: repeats ? pooled.Repeats : []).Select(ranked => ranked.Item).ToArray();
            return best.Contains(turn.One) && best.Contains(turn.Other);
        }
    }

    [Fact]
    public void The_linear_weights_of_histories_stay_0()
    {
        var sequences = new RandomSequences(3);
        var model = new SequenceTrainer(Settings with { Epochs = 2 }, History).Train(sequences.Space, sequences.Set, features: sequences.Index).Model;

        foreach (var feature in sequences.Index.Features.Where(feature => feature.Field is "history" or "history.recent"))
        {
            model.Weights[feature.Column].ShouldBe(0);
        }
    }

    [Fact]
    public void What_a_user_dislikes_comes_later_for_that_user()
    {
        var random = new RandomSource(9);
        var (space, index, set) = Chain(users: 60, items: 20, length: 8);
        int[] items = [.. Enumerable.Range(0, set.Count).Select(_ => random.Below(20))];
        var plain = set with { ItemOf = items };
        var users = Enumerable.Range(0, 60).ToArray();
        var disliking = plain with { Dislikes = RowSets.FromPairs(60, users, [.. users.Select(_ => 7)]), DislikeWeight = 5 };

        double ScoreOf7(SequenceSet train, int negatives)
        {
            var model = new SequenceTrainer(Settings with { Negatives = negatives }, History).Train(space, train, features: index).Model;
            var ranker = new ItemRanker(model, set.Items);
            var scores = new float[20];
            ranker.ScoreAll(default, scores);
            return scores[7] - scores.Average();
        }

        ScoreOf7(disliking, 0).ShouldBeLessThan(ScoreOf7(plain, 0) - 0.5);
        ScoreOf7(disliking, 5).ShouldBeLessThan(ScoreOf7(plain, 5) - 0.5);
    }

    [Theory]
    [InlineData(Solver.AdaGrad)]
    [InlineData(Solver.Adam)]
    [InlineData(Solver.Sgd)]
    public void A_deterministic_model_is_the_same_with_any_number_of_threads(Solver solver)
    {
        var sequences = new RandomSequences(8, items: 40, length: 200, partial: true);
        var settings = TrainingSettings.For(Loss.Softmax, solver) with
        {
            Factors = 12,
            Epochs = 3,
            Negatives = 10,
            Deterministic = true,
            Crossing = Crossing.FieldWeighted,
        };
        byte[] Model(int threads) =>
            SampleModels.Saved(
                new SequenceTrainer(settings with { Threads = threads }, History)
                    .Train(sequences.Space, sequences.Set, features: sequences.Index)
                    .Model
            );

        var one = Model(1);
        Model(2).ShouldBe(one);
        Model(3).ShouldBe(one);
        SampleModels
            .Saved(new SequenceTrainer(settings with { Seed = 2 }, History).Train(sequences.Space, sequences.Set, features: sequences.Index).Model)
            .ShouldNotBe(one);
    }

    [Fact]
    public void Without_threads_the_same_settings_give_the_same_model_and_with_them_one_about_as_good()
    {
        var (space, index, set) = Chain(users: 300, items: 24, length: 30);
        var (train, holdout) = set.HoldOutLast(_ => true);
        TrainingResult Train(int threads) =>
            new SequenceTrainer(Settings with { Threads = threads, Negatives = 8, Epochs = 10 }, History) { ExcludesSeen = false }.Train(
                space,
                train,
                holdout,
                index
            );

        SampleModels.Saved(Train(1).Model).ShouldBe(SampleModels.Saved(Train(1).Model));
        Train(3).Epochs.Max(epoch => epoch.Ranking!.Value.HitRate).ShouldBe(1);
    }

    [Fact]
    public void A_run_goes_on_where_a_former_one_ended()
    {
        var (space, index, set) = Chain(users: 60, items: 24, length: 12);
        var (train, holdout) = set.HoldOutLast(_ => true);
        var first = new SequenceTrainer(Settings with { Epochs = 4 }, History) { KeepsState = true, ExcludesSeen = false }.Train(
            space,
            train,
            holdout,
            index
        );
        using var file = new MemoryStream();
        first.State!.Save(file);
        file.Position = 0;

        var second = new SequenceTrainer(Settings with { Epochs = 1 }, History) { ExcludesSeen = false }.Train(
            space,
            train,
            holdout,
            index,
            TrainingState.Load(file)
        );

        second.StartHoldoutLoss!.Value.ShouldBe(first.Epochs[first.BestEpoch - 1].HoldoutLoss!.Value, 1e-6);
        second.Epochs[0].TrainLoss.ShouldBeLessThan(first.Epochs[0].TrainLoss * 0.8);
        Should
            .Throw<ArgumentException>(() => new SequenceTrainer(Settings with { Factors = 9 }, History).Train(space, train, start: first.State))
            .ParamName.ShouldBe("start");
    }

    [Fact]
    public void A_holdout_is_what_comes_last()
    {
        var sequences = new RandomSequences(4, partial: true);
        var (train, holdout) = sequences.Set.HoldOutLast(sequence => sequence != 3);

        holdout!.Validate();
        train.Validate();
        holdout.UserOf.ShouldNotContain(3);
        for (var n = 0; n < holdout.SequenceCount; n++)
        {
            var sequence = holdout.UserOf[n];
            var last = holdout.Starts[n + 1] - 1;
            var e = Enumerable.Range(0, sequences.Set.Count).Last(e => e < sequences.Set.Starts[sequence + 1] && sequences.Set.WeightOf(e) > 0);
            (holdout.ItemOf[last], holdout.WeightOf(last)).ShouldBe((sequences.Set.ItemOf[e], sequences.Set.WeightOf(e)));
            Enumerable.Range(holdout.Starts[n], last - holdout.Starts[n]).ShouldAllBe(earlier => holdout.WeightOf(earlier) == 0);
            train.WeightOf(e).ShouldBe(0);
        }

        train.Weights!.Count(weight => weight > 0).ShouldBe(sequences.Set.Weights!.Count(weight => weight > 0) - holdout.SequenceCount);
    }

    [Fact]
    public void What_cannot_be_learned_is_refused()
    {
        var (space, index, set) = Chain(users: 3, items: 4, length: 5);
        var trainer = new SequenceTrainer(Settings, History);

        Refused(set with { Weights = new float[set.Count] }, "nothing to predict");
        Refused(set with { Roles = null }, "no columns of items as part of a history");
        Refused(set with { ItemOf = [.. set.ItemOf.Select(_ => 9)] }, "item row 9 of 4");
        Refused(set with { Starts = [0, 1, 2] }, "starts");
        Refused(set with { Times = [.. Enumerable.Range(0, set.Count).Select(e => (double)-e)] }, "earlier than the one before");
        Refused(set with { Weights = [.. Enumerable.Repeat(float.NaN, set.Count)] }, "weight NaN");
        Refused(set with { Users = set.Items }, "one of items and of requests");
        Refused(set with { Roles = set.Roles! with { Recent = set.Roles.History } }, "different fields");
        Should
            .Throw<ArgumentException>(() => new SequenceTrainer(Settings with { Crossing = Crossing.Plain }, History))
            .Message.ShouldContain("Plain");
        Should.Throw<ArgumentException>(() => new SequenceTrainer(Settings with { Dropout = 1 }, History)).Message.ShouldContain("Dropout");
        Should.Throw<ArgumentException>(() => new Trainer(Settings)).Message.ShouldContain("sequences");
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Should.Throw<OperationCanceledException>(() => trainer.Train(space, set, features: index, cancellationToken: cancelled.Token));
        var diverged = Should.Throw<TrainingDivergedException>(() =>
            new SequenceTrainer(Settings with { Solver = Solver.Sgd, LearningRate = 1e9f, Loss = Loss.Squared }, History).Train(
                space,
                set with
                {
                    Targets = [.. Enumerable.Range(0, set.Count).Select(e => e == 4 ? 1e6f : e)],
                }
            )
        );
        diverged.Examples.ShouldHaveSingleItem().Index.ShouldBe(4);

        void Refused(SequenceSet refused, string reason) =>
            Should.Throw<ArgumentException>(() => trainer.Train(space, refused)).Message.ShouldContain(reason);
    }

    /// <summary>Users who go from an item to the next, each from one of their own on.</summary>
    private static (FeatureSpace Space, FeatureIndex Index, SequenceSet Set) Chain(int users, int items, int length, bool repeat = false)
    {
        EntityFeatures[] ofItems = [.. Enumerable.Range(0, items).Select(item => EntityFeatures.Named($"i{item}"))];
        var builder = new FeatureIndexBuilder();
        foreach (var item in ofItems)
        {
            builder.CountItem(item, 1);
        }

        var (space, index) = builder.Build(1, history: true, repeat);
        return (
            space,
            index,
            new()
            {
                Users = RandomSequences.Rows([EntityFeatures.None], index.AppendUser),
                Items = RandomSequences.Rows(ofItems, index.AppendItem),
                Roles = ItemRoles.Of(index, ofItems),
                Starts = [.. Enumerable.Range(0, users + 1).Select(user => user * length)],
                UserOf = new int[users],
                ItemOf = [.. Enumerable.Range(0, users * length).Select(e => ((e / length * 5) + (e % length)) % items)],
            }
        );
    }
}
