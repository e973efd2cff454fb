using RecService.Engine.Numerics;

namespace RecService.Engine.Synthetic;

/// <summary>Draws whole numbers with given weights, by bisection of the cumulated weights.</summary>
internal sealed class WeightedDraw
{
    private readonly double[] _cumulated;

    private WeightedDraw(double[] cumulated) => _cumulated = cumulated;

    /// <summary>
    /// Weights 1/(rank + <paramref name="shift"/>), the ranks dealt out at random, or in order where <paramref name="ranks"/> is null.
    /// </summary>
    public static WeightedDraw Zipf(int count, double shift, RandomSource? ranks)
    {
        var weights = new double[count];
        for (var n = 0; n < count; n++)
        {
            weights[n] = 1 / (n + 1 + shift);
        }

        ranks?.Shuffle<double>(weights);
        for (var n = 1; n < count; n++)
        {
            weights[n] += weights[n - 1];
        }

        return new(weights);
    }

    public int Next(RandomSource random)
    {
        var at = Array.BinarySearch(_cumulated, random.NextDouble() * _cumulated[^1]);
        return Math.Min(at < 0 ? ~at : at + 1, _cumulated.Length - 1);
    }
}
