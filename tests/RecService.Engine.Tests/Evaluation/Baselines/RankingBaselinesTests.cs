using RecService.Engine.Data;
using RecService.Engine.Evaluation;
using RecService.Engine.Evaluation.Baselines;

namespace RecService.Engine.Tests.Evaluation.Baselines;

public sealed class RankingBaselinesTests
{
    private static readonly RowSets Histories = RowSets.FromPairs(3, [0, 0, 1, 2], [0, 1, 0, 0]);

    [Fact]
    public void There_are_those_whose_needs_are_met()
    {
        Words(BaselineNeeds.Histories).ShouldBe(["popularity"]);
        Words(BaselineNeeds.Histories | BaselineNeeds.Neighbours).ShouldBe(["popularity", "item-knn"]);
        Words(BaselineNeeds.Ratings).ShouldBe(["bias"]);
        Words(BaselineNeeds.Histories | BaselineNeeds.Neighbours | BaselineNeeds.Ratings)
            .ShouldBe(RankingBaselines.All.Select(baseline => baseline.Word));

        static IEnumerable<string> Words(BaselineNeeds given) => RankingBaselines.With(given).Select(baseline => baseline.Word);
    }

    [Fact]
    public void Each_learns_from_what_it_needs_and_says_what_is_missing()
    {
        var ratings = new ExampleSet([Rows(3), Rows(2)], [[0, 0, 1], [0, 1, 1]], [5, 1, 2]);
        var data = new BaselineData(2)
        {
            Histories = Histories,
            Neighbours = 1,
            Ratings = ratings,
        };
        foreach (var baseline in RankingBaselines.All)
        {
            var scores = new float[2];
            baseline.Learn(data)(new RankingQuery(2, 0, 1), scores);

            scores[0].ShouldNotBe(scores[1], baseline.Word);
            baseline.Description.ShouldNotBeEmpty();
            Should
                .Throw<ArgumentException>(() => baseline.Learn(new(2)))
                .Message.ShouldContain($"The baseline {baseline.Word} needs {baseline.Needs}.");
        }
    }

    private static SparseRows Rows(int count)
    {
        var rows = new SparseRowsBuilder();
        for (var row = 0; row < count; row++)
        {
            rows.AddRow(new([row]));
        }

        return rows.Build();
    }
}
