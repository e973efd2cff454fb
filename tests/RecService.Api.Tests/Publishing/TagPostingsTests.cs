using RecService.Api.Publishing;

namespace RecService.Api.Tests.Publishing;

public sealed class TagPostingsTests
{
    [Fact]
    public void A_version_that_is_made_and_not_taken_leaves_those_made_after_it_right()
    {
        var first = new TagPostings([["a"], ["a", "b"]]);
        first.With([(0, ["a"], ["a", "x"]), (1, ["a", "b"], ["y"])])["x"].ShouldBe([0]);

        var taken = first.With([(1, ["a", "b"], ["z"])]);
        taken["z"].ShouldBe([1]);
        taken["x"].ShouldBeEmpty();
        taken["a"].ShouldBe([0]);

        var next = taken.With([(0, ["a"], ["x", "y"])]);
        next["x"].ShouldBe([0]);
        next["y"].ShouldBe([0]);
        next["z"].ShouldBe([1]);
        next["a"].ShouldBeEmpty();
        first["b"].ShouldBe([1]);
        taken["y"].ShouldBeEmpty();
    }
}
