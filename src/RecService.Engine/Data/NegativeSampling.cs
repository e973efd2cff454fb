using System.Runtime.CompilerServices;
using RecService.Engine.Numerics;

namespace RecService.Engine.Data;

/// <summary>
/// How implicit feedback gets its negatives: each positive example is followed by <see cref="PerPositive"/> copies of it whose item row is
/// replaced by one drawn uniformly from those that are not among the user's positives, with target 0 and the weight of the positive.
/// </summary>
public sealed class NegativeSampling
{
    /// <param name="userBlock">The block of an <see cref="ExampleSet"/> that holds users.</param>
    /// <param name="itemBlock">The block that holds items.</param>
    /// <param name="perPositive">Negatives for each positive, at least 1.</param>
    /// <param name="positives">For each row of the user block, the item rows that must not be drawn.</param>
    public NegativeSampling(int userBlock, int itemBlock, int perPositive, RowSets positives)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(userBlock);
        ArgumentOutOfRangeException.ThrowIfNegative(itemBlock);
        ArgumentOutOfRangeException.ThrowIfLessThan(perPositive, 1);
        ArgumentNullException.ThrowIfNull(positives);
        if (userBlock == itemBlock)
        {
            throw new ArgumentException("Users and items must be in different blocks.", nameof(itemBlock));
        }

        UserBlock = userBlock;
        ItemBlock = itemBlock;
        PerPositive = perPositive;
        Positives = positives;
    }

    /// <summary>The block that holds users.</summary>
    public int UserBlock { get; }

    /// <summary>The block that holds items.</summary>
    public int ItemBlock { get; }

    /// <summary>Negatives for each positive.</summary>
    public int PerPositive { get; }

    /// <summary>For each row of the user block, the item rows that are never drawn.</summary>
    public RowSets Positives { get; }

    /// <summary>
    /// The examples of <paramref name="positives"/>, each followed by its negatives, drawn once: what a holdout is measured by.
    /// Users who have every item get no negatives.
    /// </summary>
    public ExampleSet Materialize(ExampleSet positives, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(positives);
        Check(positives);
        var random = new RandomSource(seed);
        var items = positives.Blocks[ItemBlock].Count;
        var source = new List<int>();
        var drawn = new List<int>();
        for (var example = 0; example < positives.Count; example++)
        {
            source.Add(example);
            drawn.Add(-1);
            for (var i = 0; i < PerPositive; i++)
            {
                var item = Draw(positives.RowOf(UserBlock, example), items, random);
                if (item >= 0)
                {
                    source.Add(example);
                    drawn.Add(item);
                }
            }
        }

        var rows = new int[]?[positives.Blocks.Count];
        for (var block = 0; block < rows.Length; block++)
        {
            rows[block] = [.. source.Select((example, i) => block == ItemBlock && drawn[i] >= 0 ? drawn[i] : positives.RowOf(block, example))];
        }

        return new ExampleSet(
            positives.Blocks,
            rows,
            [.. source.Select((example, i) => drawn[i] >= 0 ? 0f : positives.Targets[example])],
            positives.Weights is null ? null : [.. source.Select(positives.WeightOf)]
        );
    }

    /// <summary>Draws an item row that is not among the user's positives; −1 when there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal int Draw(int userRow, int itemCount, RandomSource random)
    {
        var positives = Positives[userRow];
        var others = itemCount - positives.Length;
        if (others <= 0)
        {
            return -1;
        }

        // The r-th item that is no positive is r plus the number of positives before it, which a binary search finds
        // because positives[j] − j counts the others before positive j.
        var r = random.Below(others);
        var low = 0;
        // Halved without branches, which would be mispredicted half of the time.
        for (var length = positives.Length; length > 0;)
        {
            var half = (length + 1) / 2;
            low += positives[low + half - 1] - (low + half - 1) <= r ? half : 0;
            length -= half;
        }

        return r + low;
    }

    /// <summary>Whether there is an item that the user of one of the examples has not.</summary>
    internal bool HasAnyFor(ExampleSet examples)
    {
        var items = examples.Blocks[ItemBlock].Count;
        for (var example = 0; example < examples.Count; example++)
        {
            if (Positives[examples.Rows[UserBlock]?[example] ?? example].Length < items)
            {
                return true;
            }
        }

        return false;
    }

    internal void Check(ExampleSet examples)
    {
        if (UserBlock >= examples.Blocks.Count || ItemBlock >= examples.Blocks.Count)
        {
            throw new ArgumentException(
                $"Negative sampling names blocks {UserBlock} and {ItemBlock}; there are {examples.Blocks.Count}.",
                nameof(examples)
            );
        }

        var users = examples.Blocks[UserBlock].Count;
        var items = examples.Blocks[ItemBlock].Count;
        if (Positives.Count != users)
        {
            throw new ArgumentException($"Negative sampling has positives of {Positives.Count} users; the block has {users}.", nameof(examples));
        }

        for (var user = 0; user < users; user++)
        {
            var set = Positives[user];
            if (!set.IsEmpty && set[^1] >= items)
            {
                throw new ArgumentException($"User row {user} has positive item row {set[^1]}; the block has {items}.", nameof(examples));
            }
        }
    }
}
