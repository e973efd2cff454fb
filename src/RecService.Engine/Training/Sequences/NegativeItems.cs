namespace RecService.Engine.Training.Sequences;

/// <summary>Which items rows are compared with.</summary>
internal sealed class NegativeItems
{
    /// <param name="counts">How often each item is what is to be predicted; items that never are stay unknown.</param>
    /// <param name="sampled">S, how many are drawn for a block; 0 for all.</param>
    /// <param name="exponent">β: drawn in proportion to the count to this power.</param>
    public NegativeItems(double[] counts, int sampled, float exponent)
    {
        Items = [.. Enumerable.Range(0, counts.Length).Where(item => counts[item] > 0)];
        Sampled = sampled;
        if (sampled > 0)
        {
            double[] weights = [.. Items.Select(item => Math.Pow(counts[item], exponent))];
            var total = weights.Sum();
            Draw = new(weights);
            Corrections = [.. weights.Select(weight => (float)-Math.Log(sampled * weight / total))];
        }
    }

    /// <summary>The items that are negatives of others.</summary>
    public int[] Items { get; }

    /// <summary>S; 0 for all.</summary>
    public int Sampled { get; }

    /// <summary>Draws a place in <see cref="Items"/>; null for all.</summary>
    public AliasTable? Draw { get; }

    /// <summary>−ln(S q) of each item that can be drawn; null for all.</summary>
    public float[]? Corrections { get; }

    /// <summary>How many negatives a block has at most.</summary>
    public int Most => Sampled == 0 ? Items.Length : Math.Min(Sampled, Items.Length);
}
