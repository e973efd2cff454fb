using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Metrics;
using RecService.Engine.Losses;
using RecService.Engine.Model;
using RecService.Engine.Numerics;
using RecService.Engine.Scoring;

namespace RecService.Engine.Tests.Evaluation;

public sealed class ModelMetricsTests
{
    private const int Users = 6;
    private const int Items = 40;

    [Theory]
    [InlineData(Crossing.FieldPooled, 0)]
    [InlineData(Crossing.FieldPooled, 1)]
    [InlineData(Crossing.FieldPooled, 19)]
    [InlineData(Crossing.Plain, 8)]
    [InlineData(Crossing.Plain, 21)]
    public void A_model_ranks_as_its_scores_do_one_by_one(Crossing crossing, int factors)
    {
        // Users and items in fields of their own; each item also has a tag.
        var model = Model(crossing, factors, ["user", "item", "tag"], c => c < Users ? 0
            : c < Users + Items ? 1
            : 2);
        AssertRanksAsScorer(model);
    }

    [Fact]
    public void Squared_models_are_measured_by_clipped_predictions()
    {
        // Scores are 5 · x; the range of the targets is 0 to 2.
        var model = new FactorizationModel(FeatureSpace.OfOneField(1), Crossing.Plain, Loss.Squared, 0, 0, [5f], [], 0, 2);
        var examples = new ExampleSet(
            SparseRows.FromDense(
                new float[,]
                {
                    { 0.2f },
                    { 9f },
                }
            ),
            [0, 2],
            [1, 3]
        );

        var metrics = ExampleMetrics.Measure(new Scorer(model), examples);

        metrics.Keys.ShouldBe(["rmse", "mae"]);
        metrics["rmse"]!.Value.ShouldBe(0.5, 1e-6);
        metrics["mae"]!.Value.ShouldBe(0.25, 1e-6);
    }

    [Fact]
    public void Logistic_models_are_measured_by_probabilities()
    {
        var model = new FactorizationModel(FeatureSpace.OfOneField(1), Crossing.Plain, Loss.Logistic, 0, 0, [1f], []);
        var examples = new ExampleSet(
            SparseRows.FromDense(
                new float[,]
                {
                    { 2f },
                    { -1f },
                }
            ),
            [1, 0]
        );

        var metrics = ExampleMetrics.Measure(new Scorer(model), examples);

        metrics.Keys.ShouldBe(["logLoss", "auc"]);
        metrics["logLoss"]!.Value.ShouldBe((Math.Log(1 + Math.Exp(-2)) + Math.Log(1 + Math.Exp(-1))) / 2, 1e-6);
        metrics["auc"].ShouldBe(1);
    }

    private static void AssertRanksAsScorer(FactorizationModel model)
    {
        var users = Rows(Users, (u, b) => b.Add(u));
        var contexts = Rows(1, (_, _) => { });
        var items = Rows(Items, (i, b) =>
        {
            b.Add(Users + i);
            b.Add(Users + Items + (i % 3), 0.5f);
        });
        var queries = Enumerable.Range(0, Users * Items).Select(n => new RankingQuery(n % Users, 0, n / Users)).ToArray();
        var evaluator = new RankingEvaluator(Items, RowSets.FromPairs(Users, [0, 0, 3], [1, 2, 30]));
        var scorer = new Scorer(model);

        var token = TestContext.Current.CancellationToken;
        var byRanker = evaluator.Evaluate(queries, new ItemRanker(model, items), users, contexts, token).ShouldNotBeNull();
        var byScorer = evaluator
            .Evaluate(
                queries,
                (query, scores) =>
                {
                    for (var item = 0; item < Items; item++)
                    {
                        scores[item] = scorer.Score(new SparseRow([query.User, Users + item, Users + Items + (item % 3)], [1, 1, 0.5f]));
                    }
                },
                token
            )
            .ShouldNotBeNull();

        byRanker[RankingMetrics.Mrr].Mean.ShouldBe(byScorer[RankingMetrics.Mrr].Mean, 1e-9);
        byRanker[RankingMetrics.Ndcg, 10].Mean.ShouldBe(byScorer[RankingMetrics.Ndcg, 10].Mean, 1e-9);
        byRanker[RankingMetrics.Mrr].Mean.ShouldBeLessThan(0.5);
        evaluator
            .Evaluate(queries, new ItemRanker(model, items), users, cancellationToken: token)
            .ShouldNotBeNull()[RankingMetrics.Mrr]
            .Mean.ShouldBe(byRanker[RankingMetrics.Mrr].Mean);
        Should
            .Throw<ArgumentException>(() => evaluator.Evaluate([new(0, 1, 0)], new ItemRanker(model, items), users, contexts, token))
            .Message.ShouldContain("context row 1");
    }

    private static SparseRows Rows(int count, Action<int, SparseRowsBuilder> fill)
    {
        var builder = new SparseRowsBuilder(Users + Items + 3);
        for (var row = 0; row < count; row++)
        {
            fill(row, builder);
            builder.EndRow();
        }

        return builder.Build();
    }

    private static FactorizationModel Model(Crossing crossing, int factors, string[] fields, Func<int, int> fieldOf)
    {
        const int Columns = Users + Items + 3;
        var random = new RandomSource(4);
        var space = new FeatureSpace(fields, [.. Enumerable.Range(0, Columns).Select(fieldOf)]);
        var stride = FactorizationModel.StrideOf(factors);
        var table = new float[Columns * stride];
        for (var column = 0; column < Columns; column++)
        {
            for (var d = 0; d < factors; d++)
            {
                table[(column * stride) + d] = (float)random.NextNormal();
            }
        }

        return new(space, crossing, Loss.Squared, factors, 1, [.. Enumerable.Range(0, Columns).Select(_ => (float)random.NextNormal())], table);
    }
}
