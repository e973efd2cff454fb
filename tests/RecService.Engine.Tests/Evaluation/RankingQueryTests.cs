using RecService.Engine.Evaluation;

namespace RecService.Engine.Tests.Evaluation;

public sealed class RankingQueryTests
{
    [Fact]
    public void Pairs_of_a_user_and_a_context_make_one_query()
    {
        var queries = RankingQuery.FromPairs([2, 0, 2, 2, 2], [7, 3, 5, 7, 1], [1, 0, 1, 1, 0]);

        queries.Select(query => (query.User, query.Context)).ShouldBe([(0, 0), (2, 0), (2, 1)]);
        queries
            .Select(query => query.Relevant.ToArray())
            .ShouldBe([
                [3],
                [1],
                [5, 7],
            ]);
        RankingQuery.FromPairs([1, 1], [4, 2]).ShouldHaveSingleItem().Relevant.ToArray().ShouldBe([2, 4]);
        RankingQuery.FromPairs([], []).ShouldBeEmpty();
    }

    [Fact]
    public void What_makes_no_query_is_refused()
    {
        Should.Throw<ArgumentException>(() => new RankingQuery(3, 0)).Message.ShouldContain("user row 3");
        Should.Throw<ArgumentOutOfRangeException>(() => new RankingQuery(-1, 0, 1));
        Should.Throw<ArgumentOutOfRangeException>(() => new RankingQuery(0, -1, 1));
        Should.Throw<ArgumentOutOfRangeException>(() => new RankingQuery(0, 0, 1, -1));
        Should.Throw<ArgumentException>(() => RankingQuery.FromPairs([0, 1], [0]));
        Should.Throw<ArgumentException>(() => RankingQuery.FromPairs([0, 1], [0, 1], [0]));
    }
}
