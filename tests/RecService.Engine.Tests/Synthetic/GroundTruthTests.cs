using RecService.Engine.Data;
using RecService.Engine.Synthetic;

namespace RecService.Engine.Tests.Synthetic;

public sealed class GroundTruthTests(ITestOutputHelper output)
{
    private static readonly GroundTruth Default = GroundTruth.Create();
    private static readonly GroundTruthOptions Small = new()
    {
        Users = 60,
        Items = 40,
        Interactions = 800,
    };

    [Fact]
    public void Default_sizes_are_those_of_the_options()
    {
        Default.Users.Count.ShouldBe(1_000);
        Default.Items.Count.ShouldBe(800);
        Default.Interactions().Count().ShouldBe(60_000);
        Default.Users[0].Id.ShouldBe("user-0001");
        Default.Items[799].Id.ShouldBe("item-0800");
        Default.Items.Select(i => i.Title).Distinct(StringComparer.Ordinal).Count().ShouldBe(800);
    }

    [Fact]
    public void The_same_options_give_the_same_data_and_another_seed_gives_other_data()
    {
        var one = GroundTruth.Create(Small);
        var same = GroundTruth.Create(Small);
        var other = GroundTruth.Create(Small with { Seed = 2 });

        Print(one).ShouldBe(Print(same));
        Print(one).ShouldBe(Print(one));
        Print(one).SequenceEqual(Print(other), StringComparer.Ordinal).ShouldBeFalse();

        static string[] Print(GroundTruth truth) =>
            [
                .. truth.Users.Select(u => $"{u.Id} {string.Join(',', u.Tags)} {u.Age} {u.Country}"),
                .. truth.Items.Select(i => $"{i.Id} {i.Title} {string.Join(',', i.Tags)} {i.Year}"),
                .. truth
                    .Interactions()
                    .Concat(truth.UnseenPairs(100))
                    .Concat(truth.ImplicitEvents(100))
                    .Select(i =>
                        FormattableString.Invariant(
                            $"{i.UserId} {i.ItemId} {i.Type} {i.Value:R} {i.Device} {string.Join(',', i.Tags)} {i.OccurredAt:O}"
                        )
                    ),
            ];
    }

    [Fact]
    public void No_pair_is_rated_twice_and_unseen_pairs_were_not_rated()
    {
        var rated = Default.Interactions().Select(i => (i.UserId, i.ItemId)).ToHashSet();
        var unseen = Default.UnseenPairs(20_000).Select(i => (i.UserId, i.ItemId)).ToHashSet();

        rated.Count.ShouldBe(60_000);
        unseen.Count.ShouldBe(20_000);
        unseen.Overlaps(rated).ShouldBeFalse();
    }

    [Fact]
    public void Half_of_all_pairs_can_be_rated_and_half_of_the_rest_drawn_unseen()
    {
        var options = Small with { Interactions = 1_200 };

        GroundTruth.Create(options).Interactions().Select(i => (i.UserId, i.ItemId)).Distinct().Count().ShouldBe(1_200);
        GroundTruth.Create(options).UnseenPairs(600).Count().ShouldBe(600);
        Should.Throw<ArgumentOutOfRangeException>(() => GroundTruth.Create(options).UnseenPairs(601));
        Should.Throw<ArgumentException>(() => GroundTruth.Create(options with { Interactions = 1_201 })).ParamName.ShouldBe("Interactions");
    }

    [Fact]
    public void Few_items_and_users_make_up_much_of_the_interactions()
    {
        var byItem = Default.Interactions().CountBy(i => i.Item).Select(c => c.Value).OrderDescending().ToArray();
        var byUser = Default.Interactions().CountBy(i => i.User).Select(c => c.Value).OrderDescending().ToArray();

        byItem.Take(80).Sum().ShouldBeGreaterThan(60_000 * 3 / 10);
        byUser.Take(100).Sum().ShouldBeGreaterThan(60_000 / 5);
        byItem[0].ShouldBeGreaterThan(10 * byItem[^1]);
        byItem.Length.ShouldBe(800);
        byUser.Length.ShouldBe(1_000);
        // Which ones are popular has nothing to do with their numbers.
        Default.Interactions().CountBy(i => i.Item).Where(c => c.Key < 400).Sum(c => c.Value).ShouldBeInRange(24_000, 36_000);
    }

    [Fact]
    public void Ratings_differ_from_the_truth_by_the_noise_alone()
    {
        var residuals = Default.Interactions().Concat(Default.UnseenPairs(20_000)).Select(i => i.Value!.Value - Default.TrueScore(i)).ToArray();

        Default.NoiseDeviation.ShouldBe(0.4);
        Math.Sqrt(residuals.Average(r => r * r)).ShouldBe(0.4, 0.4 * 0.01);
        residuals.Average().ShouldBe(0, 0.4 * 4 / Math.Sqrt(residuals.Length));
        // Normal: kurtosis 3.
        (residuals.Average(r => r * r * r * r) / Math.Pow(residuals.Average(r => r * r), 2)).ShouldBe(3, 0.15);
    }

    [Fact]
    public void Ratings_look_like_ratings()
    {
        var ratings = Default.Interactions().Select(i => i.Value!.Value).ToArray();

        ratings.Average().ShouldBe(3.5, 0.01);
        Deviation(ratings).ShouldBeInRange(0.7, 1.2);
        ratings.Count(r => r is > 0 and < 7).ShouldBeGreaterThan(60_000 * 99 / 100);
    }

    [Fact]
    public void Neither_the_mean_nor_a_linear_model_comes_near_the_noise_floor()
    {
        var train = Default.Interactions().ToArray();
        var test = Default.UnseenPairs(20_000).ToArray();
        var mean = train.Average(i => i.Value!.Value);
        var (users, items) = FitAdditive(train, mean);

        var ofMean = Math.Sqrt(test.Average(i => Math.Pow(i.Value!.Value - mean, 2)));
        var ofLinear = Math.Sqrt(test.Average(i => Math.Pow(i.Value!.Value - mean - users[i.User] - items[i.Item], 2)));
        output.WriteLine($"bias only {ofMean:F4}, linear {ofLinear:F4}, noise floor {Default.NoiseDeviation:F4}");

        ofMean.ShouldBeGreaterThan(1.7 * Default.NoiseDeviation);
        ofLinear.ShouldBeGreaterThan(1.7 * Default.NoiseDeviation);
        ofLinear.ShouldBeLessThan(ofMean);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("phone")]
    public void Users_and_items_cross_by_as_many_factors_as_the_truth_has(string? device)
    {
        // User terms and item terms are of rank 1 each, so the matrix of scores has rank k + 2 and its minors of order k + 3 vanish.
        var truth = GroundTruth.Create(Small with { Factors = 4 });
        var scores = new double[7, 7];
        for (var u = 0; u < 7; u++)
        {
            for (var i = 0; i < 7; i++)
            {
                scores[u, i] = truth.TrueScore(7 * u, 5 * i, device, ["drama"]);
            }
        }

        var pivots = Pivots(scores);
        pivots[5].ShouldBeGreaterThan(1e-6);
        pivots[6].ShouldBeLessThan(1e-12);
    }

    [Fact]
    public void A_device_and_a_tag_add_what_depends_on_the_user_and_what_depends_on_the_item_but_nothing_of_the_pair()
    {
        var truth = GroundTruth.Create(Small);
        double Added(int user, int item) => truth.TrueScore(user, item, "phone", ["war", "drama"]) - truth.TrueScore(user, item);

        Math.Abs(Added(0, 0) - Added(1, 0)).ShouldBeGreaterThan(1e-6);
        Math.Abs(Added(0, 0) - Added(0, 1)).ShouldBeGreaterThan(1e-6);
        (Added(0, 0) - Added(1, 0) - Added(0, 1) + Added(1, 1)).ShouldBe(0, 1e-12);
    }

    [Fact]
    public void A_named_tag_mostly_pulls_items_that_carry_it()
    {
        var carriers = Default
            .Items.Select((item, i) => (item, i))
            .Where(x => x.item.Tags.Contains("noir", StringComparer.Ordinal))
            .Select(x => x.i)
            .ToArray();
        var others = Default
            .Items.Select((item, i) => (item, i))
            .Where(x => !x.item.Tags.Contains("noir", StringComparer.Ordinal))
            .Select(x => x.i)
            .ToArray();
        double Pull(int item) => Default.TrueScore(0, item, null, ["noir"]) - Default.TrueScore(0, item);

        carriers.Average(Pull).ShouldBeGreaterThan(others.Average(Pull));
    }

    [Fact]
    public void Unknown_devices_and_tags_are_refused()
    {
        Should.Throw<ArgumentException>(() => Default.TrueScore(0, 0, "fridge")).Message.ShouldContain("fridge");
        Should.Throw<ArgumentException>(() => Default.TrueScore(0, 0, null, ["nonsense"])).Message.ShouldContain("nonsense");
    }

    [Fact]
    public void Implicit_events_follow_the_truth()
    {
        var events = Default.ImplicitEvents(30_000).ToArray();
        var ratedMean = Default.Interactions().Average(Default.TrueScore);
        double Mean(string type) => events.Where(e => e.Type == type).Average(Default.TrueScore);

        events.Count(e => e.Type == "view").ShouldBe(30_000);
        events.Where(e => e.Type == "view").Select(e => (e.User, e.Item)).Distinct().Count().ShouldBe(30_000);
        events.ShouldAllBe(e => e.Value == null);
        events.Count(e => e.Type == "click").ShouldBeInRange(5_000, 25_000);
        events.Count(e => e.Type == "purchase").ShouldBeInRange(1_000, 10_000);
        Mean("view").ShouldBeGreaterThan(ratedMean + 0.1);
        Mean("click").ShouldBeGreaterThan(Mean("view") + 0.05);
        Mean("purchase").ShouldBeGreaterThan(Mean("click") + 0.05);
    }

    [Fact]
    public void Interactions_come_in_the_order_of_time_within_the_duration()
    {
        var options = Small with { Duration = TimeSpan.FromDays(10) };
        var truth = GroundTruth.Create(options);

        foreach (var events in (IEnumerable<GroundTruthInteraction>[])[truth.Interactions(), truth.ImplicitEvents()])
        {
            var times = events.Select(e => e.OccurredAt).ToArray();
            times.ShouldBe(times.Order());
            times[0].ShouldBe(options.Start);
            times[^1].ShouldBeInRange(options.Start + TimeSpan.FromDays(9.9), options.Start + options.Duration);
        }
    }

    [Fact]
    public void Users_items_and_contexts_encode_into_the_fields_of_the_service()
    {
        var builder = new FeatureIndexBuilder();
        var truth = GroundTruth.Create(Small);
        foreach (var i in truth.Interactions())
        {
            builder.CountUser(truth.Users[i.User].ToFeatures(), 1);
            builder.CountItem(truth.Items[i.Item].ToFeatures(), 1);
            builder.CountContext(i.ToContextFeatures(), 1);
        }

        builder.Build(1).Space.Fields.ShouldBe(["user", "item", "tag", "context.tags", "context.device"]);
    }

    private static double Deviation(double[] values)
    {
        var mean = values.Average();
        return Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
    }

    private static (double[] Users, double[] Items) FitAdditive(GroundTruthInteraction[] train, double mean)
    {
        var users = new double[Default.Users.Count];
        var items = new double[Default.Items.Count];
        for (var sweep = 0; sweep < 20; sweep++)
        {
            Fit(users, i => i.User, i => items[i.Item]);
            Fit(items, i => i.Item, i => users[i.User]);
        }

        return (users, items);

        void Fit(double[] effects, Func<GroundTruthInteraction, int> own, Func<GroundTruthInteraction, double> others)
        {
            var counts = new double[effects.Length];
            Array.Clear(effects);
            foreach (var i in train)
            {
                effects[own(i)] += i.Value!.Value - mean - others(i);
                counts[own(i)]++;
            }

            for (var e = 0; e < effects.Length; e++)
            {
                effects[e] /= counts[e] + 1;
            }
        }
    }

    /// <summary>The pivots of Gaussian elimination with complete pivoting.</summary>
    private static double[] Pivots(double[,] matrix)
    {
        var n = matrix.GetLength(0);
        var pivots = new double[n];
        for (var step = 0; step < n; step++)
        {
            var (row, column) = (step, step);
            for (var r = step; r < n; r++)
            {
                for (var c = step; c < n; c++)
                {
                    if (Math.Abs(matrix[r, c]) > Math.Abs(matrix[row, column]))
                    {
                        (row, column) = (r, c);
                    }
                }
            }

            pivots[step] = Math.Abs(matrix[row, column]);
            if (pivots[step] == 0)
            {
                return pivots;
            }

            for (var c = 0; c < n; c++)
            {
                (matrix[step, c], matrix[row, c]) = (matrix[row, c], matrix[step, c]);
            }

            for (var r = 0; r < n; r++)
            {
                (matrix[r, step], matrix[r, column]) = (matrix[r, column], matrix[r, step]);
            }

            for (var r = step + 1; r < n; r++)
            {
                var factor = matrix[r, step] / matrix[step, step];
                for (var c = step; c < n; c++)
                {
                    matrix[r, c] -= factor * matrix[step, c];
                }
            }
        }

        return pivots;
    }
}
