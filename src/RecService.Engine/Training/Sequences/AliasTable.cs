using RecService.Engine.Numerics;

namespace RecService.Engine.Training.Sequences;

/// <summary>Draws whole numbers with given weights, each in constant time (Walker 1974; built as by Vose, 1991).</summary>
internal sealed class AliasTable
{
    // Side by side, as each draw reads both.
    private readonly (float Share, int Alias)[] _places;

    /// <param name="weights">The weights: not negative, at least one above 0.</param>
    public AliasTable(ReadOnlySpan<double> weights)
    {
        var total = 0.0;
        foreach (var weight in weights)
        {
            total += weight;
        }

        _places = new (float, int)[weights.Length];
        var scaled = new double[weights.Length];
        var (small, large) = (new Stack<int>(), new Stack<int>());
        for (var i = 0; i < scaled.Length; i++)
        {
            scaled[i] = weights[i] / total * scaled.Length;
            (scaled[i] < 1 ? small : large).Push(i);
        }

        while (small.Count > 0 && large.Count > 0)
        {
            var (less, more) = (small.Pop(), large.Pop());
            _places[less] = ((float)scaled[less], more);
            scaled[more] -= 1 - scaled[less];
            (scaled[more] < 1 ? small : large).Push(more);
        }

        foreach (var rest in small.Concat(large))
        {
            _places[rest] = (1, rest);
        }
    }

    public int Next(RandomSource random)
    {
        // The high bits choose the place, the low ones between it and its alias.
        var bits = random.Next();
        var place = (int)((bits >> 32) * (ulong)_places.Length >> 32);
        var (share, alias) = _places[place];
        return (uint)bits * (1f / (1UL << 32)) < share ? place : alias;
    }
}
