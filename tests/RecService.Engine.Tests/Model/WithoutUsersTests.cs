using System.Text;
using RecService.Engine.Data;
using RecService.Engine.Data.Histories;
using RecService.Engine.Kernels;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Scoring;
using RecService.Engine.Training;

namespace RecService.Engine.Tests.Model;

public sealed class WithoutUsersTests
{
    private static readonly EntityFeatures Ann = EntityFeatures.FromJson("ann-of-green-gables", ["x"], """{"city": "Rome"}""");
    private static readonly EntityFeatures Bob = EntityFeatures.FromJson("bob", ["x"], """{"city": "Oslo"}""");
    private static readonly EntityFeatures Film = EntityFeatures.FromJson("film", ["drama"], """{"year": 1990}""");

    [Theory]
    [InlineData(Crossing.FieldPooled)]
    [InlineData(Crossing.Plain)]
    [InlineData(Crossing.FieldWeighted)]
    [InlineData(Crossing.FieldAware)]
    public void A_removed_user_scores_as_a_stranger_and_all_others_as_before(Crossing crossing)
    {
        var model = Model(crossing);

        var without = model.WithoutUsers(new HashSet<string> { Ann.Id!, "nobody" });

        Score(without, Ann).ShouldBe(Score(model, Ann with { Id = "stranger" }));
        Score(without, Ann).ShouldNotBe(Score(model, Ann));
        Score(without, Bob).ShouldBe(Score(model, Bob));
        without.FieldWeights.ToArray().ShouldBe(model.FieldWeights.ToArray());
    }

    [Fact]
    public void A_model_of_histories_stays_one()
    {
        var model = SampleModels.WithHistory(Model(), new HistorySettings { Length = 3 });

        var without = model.WithoutUsers(new HashSet<string> { Ann.Id! });

        without.History.ShouldBe(model.History);
        TrainingState.Of(model).WithoutUsers(new HashSet<string> { Ann.Id! }).Model.History.ShouldBe(model.History);
        without.Features!.UserIds.ShouldBe(["bob"]);
    }

    [Fact]
    public void Nothing_of_a_removed_user_is_in_the_model()
    {
        var model = Model();
        var column = Column(model, Ann);

        var without = model.WithoutUsers(new HashSet<string> { Ann.Id! });

        without.Weights[column].ShouldBe(0);
        without.FactorsOf(column).ToArray().ShouldAllBe(factor => factor == 0);
        without.Features!.UserIds.ShouldBe(["bob"]);
        without.Features.Features.Count().ShouldBe(model.Features!.Features.Count() - 1);
        Contains(Saved(model), Ann.Id!).ShouldBeTrue();
        Contains(Saved(without), Ann.Id!).ShouldBeFalse();

        // The given model is another's, and stays as it is.
        model.Weights[column].ShouldNotBe(0);
        model.Features.UserIds.ShouldBe(["bob", Ann.Id!], ignoreOrder: true);
    }

    [Fact]
    public void A_model_that_does_not_know_the_users_is_the_same()
    {
        var model = Model();

        model.WithoutUsers(new HashSet<string> { "nobody", "film" }).ShouldBeSameAs(model);
        model.WithoutUsers(new HashSet<string>()).ShouldBeSameAs(model);
        var nameless = new FactorizationModel(
            model.Space,
            Crossing.FieldPooled,
            Loss.Squared,
            0,
            0,
            new float[model.Space.ColumnCount],
            []
        );
        nameless.WithoutUsers(new HashSet<string> { Ann.Id! }).ShouldBeSameAs(nameless);
    }

    [Fact]
    public void The_column_of_rare_categories_stays_until_nobody_leads_to_it()
    {
        var model = Model(minimumCount: 2);
        var column = Column(model, Ann);
        column.ShouldBe(Column(model, Bob));

        model.WithoutUsers(new HashSet<string> { Ann.Id! }).Weights[column].ShouldBe(model.Weights[column]);

        // Their cities are rare, too.
        model.WithoutUsers(new HashSet<string> { Ann.Id!, "bob" }).Weights[column].ShouldBe(model.Weights[column]);
    }

    [Theory]
    [InlineData(Solver.AdaGrad)]
    [InlineData(Solver.Adam)]
    public void A_state_keeps_no_sums_of_a_removed_user(Solver solver)
    {
        var (space, index) = Index(1);
        var rows = new SparseRowsBuilder();
        foreach (var user in new[] { Ann, Bob, Ann })
        {
            var row = Row(index, user);
            rows.Add(row.Row);
            rows.EndRow();
        }

        var settings = new TrainingSettings
        {
            Solver = solver,
            Factors = 3,
            Epochs = 2,
        };
        var state = new Trainer(settings) { KeepsState = true }
            .Train(space, new ExampleSet(rows.Build(), [1, 2, 3]), features: index)
            .State!;
        var column = Column(state.Model, Ann);
        var other = Column(state.Model, Bob);

        var without = state.WithoutUsers(new HashSet<string> { Ann.Id! });

        without.WeightSumsOf(column).ToArray().ShouldAllBe(sum => sum == 0);
        without.FactorSumsOf(without.Model.Space.FactorOf(column), 0).ToArray().ShouldAllBe(sum => sum == 0);
        without.WeightSumsOf(other).ToArray().ShouldBe(state.WeightSumsOf(other).ToArray());
        state.WeightSumsOf(column).ToArray().ShouldContain(sum => sum != 0);
        using var stream = new MemoryStream();
        without.Save(stream);
        Contains(stream.ToArray(), Ann.Id!).ShouldBeFalse();
        stream.Position = 0;
        TrainingState.Load(stream).Model.Features!.UserIds.ShouldBe(["bob"]);
        state.WithoutUsers(new HashSet<string> { "nobody" }).ShouldBeSameAs(state);
    }

    private static FactorizationModel Model(Crossing crossing = Crossing.FieldPooled, int minimumCount = 1)
    {
        var (space, index) = Index(minimumCount);
        var random = new Random(1);
        var length = FactorizationModel.VectorLengthOf(crossing, space.FieldCount, 3);
        var stride = FactorizationModel.StrideOf(length);
        var factors = new float[space.FactorCount * stride];
        for (var i = 0; i < factors.Length; i++)
        {
            factors[i] = i % stride < length ? (float)random.NextDouble() + 0.1f : 0;
        }

        float[]? fieldWeights = null;
        if (crossing == Crossing.FieldWeighted)
        {
            fieldWeights = new float[space.FieldCount * space.FieldCount];
            for (var f = 0; f < space.FieldCount; f++)
            {
                for (var g = 0; g < space.FieldCount; g++)
                {
                    fieldWeights[(f * space.FieldCount) + g] = f == g ? 0 : 1 + f + g;
                }
            }
        }

        return new(
            space,
            crossing,
            Loss.Squared,
            3,
            0.5f,
            [.. Enumerable.Range(0, space.ColumnCount).Select(_ => (float)random.NextDouble() + 0.1f)],
            factors,
            features: index,
            fieldWeights: fieldWeights
        );
    }

    private static (FeatureSpace Space, FeatureIndex Index) Index(int minimumCount)
    {
        var builder = new FeatureIndexBuilder();
        builder.CountUser(Ann, 1);
        builder.CountUser(Bob, 1);
        builder.CountItem(Film, 2);
        return builder.Build(minimumCount);
    }

    private static RowBuffer Row(FeatureIndex index, EntityFeatures user)
    {
        var row = new RowBuffer();
        index.AppendUser(user, row);
        index.AppendItem(Film, row);
        return row;
    }

    private static float Score(FactorizationModel model, EntityFeatures user) => new Scorer(model).Score(Row(model.Features!, user).Row);

    private static int Column(FactorizationModel model, EntityFeatures user) =>
        model.Features!.Features.Single(feature => feature.Group == "user.id" && feature.Category == user.Id).Column;

    private static byte[] Saved(FactorizationModel model)
    {
        using var stream = new MemoryStream();
        ModelFile.Save(stream, model);
        return stream.ToArray();
    }

    private static bool Contains(byte[] file, string text) => file.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;
}
