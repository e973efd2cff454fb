using RecService.Engine.Scoring;

namespace RecService.Engine.Tests.Scoring;

public sealed class ItemSetTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(300)]
    public void Sets_are_joined_as_sets(int length)
    {
        int[] twos = [.. Enumerable.Range(0, length).Where(item => item % 2 == 0)];
        int[] threes = [.. Enumerable.Range(0, length).Where(item => item % 3 == 0)];
        Joined((set, other) => set.And(other)).ShouldBe(twos.Intersect(threes));
        Joined((set, other) => set.AndNot(other)).ShouldBe(twos.Except(threes));
        Joined((set, other) => set.Or(other)).ShouldBe(twos.Union(threes).Order());
        Joined((set, _) => set.Remove(threes)).ShouldBe(twos.Except(threes));
        new ItemSet(length, all: true).Count.ShouldBe(length);
        new ItemSet(length, all: true).ShouldBe(Enumerable.Range(0, length));
        Should.Throw<ArgumentOutOfRangeException>(() => new ItemSet(length)[length]);
        Should.Throw<ArgumentOutOfRangeException>(() => new ItemSet(length) { [length] = true });
        Should.Throw<ArgumentException>(() => new ItemSet(length).And(new ItemSet(length + 1)));

        ItemSet Joined(Action<ItemSet, ItemSet> join)
        {
            var (set, other) = (new ItemSet(length), new ItemSet(length));
            set.Add(twos);
            other.Add(threes);
            join(set, other);
            set.Count.ShouldBe(set.ToArray().Length);
            return set;
        }
    }

    [Fact]
    public void A_set_of_another_catalogue_holds_nothing_of_the_former_one()
    {
        var set = new ItemSet(200, all: true);

        set.Reset(130);
        set.Count.ShouldBe(0);
        set.Reset(500, all: true);
        set.Count.ShouldBe(500);
        // What lies behind the last item is none.
        set.CopyFrom([5, ulong.MaxValue], 66);
        set.ShouldBe([0, 2, 64, 65]);
        set[64] = false;
        set.ShouldBe([0, 2, 65]);
        Should.Throw<ArgumentException>(() => set.CopyFrom([1], 65));
    }
}
