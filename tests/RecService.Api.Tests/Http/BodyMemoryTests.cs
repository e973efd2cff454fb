using RecService.Api.Http.Limits;

namespace RecService.Api.Tests.Http;

public sealed class BodyMemoryTests
{
    private const long Small = 64 * 1024;
    private const long Large = Small + 1;

    private readonly BodyMemory _memory = new(bytes: 800);

    [Fact]
    public void One_key_takes_half_at_most_and_leaves_the_rest_to_others()
    {
        _memory.TryTake("a", cost: 400, Small).ShouldBeTrue();
        _memory.TryTake("a", cost: 1, Small).ShouldBeFalse();
        _memory.TryTake("b", cost: 300, Large).ShouldBeTrue();

        _memory.Release("a", cost: 400);
        _memory.TryTake("a", cost: 400, Small).ShouldBeTrue();
    }

    [Fact]
    public void Large_bodies_leave_an_eighth_to_small_ones_of_the_same_key_and_of_others()
    {
        _memory.MostOfKey(Large).ShouldBe(350);
        _memory.TryTake("a", cost: 350, Large).ShouldBeTrue();
        _memory.TryTake("a", cost: 1, Large).ShouldBeFalse();
        _memory.TryTake("b", cost: 350, Large).ShouldBeTrue();
        _memory.TryTake("c", cost: 1, Large).ShouldBeFalse();
        _memory.TryTake("a", cost: 50, Small).ShouldBeTrue();
        _memory.TryTake("c", cost: 50, Small).ShouldBeTrue();
        _memory.TryTake("d", cost: 1, Small).ShouldBeFalse();
    }

    [Fact]
    public void What_is_refused_takes_nothing()
    {
        _memory.TryTake("a", cost: 401, Small).ShouldBeFalse();
        _memory.TryTake("a", cost: 400, Small).ShouldBeTrue();
    }
}
