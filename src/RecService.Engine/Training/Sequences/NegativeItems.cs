using RecService.Engine.Data.Histories;
using RecService.Engine.Losses;

namespace RecService.Engine.Training.Sequences;

/// <summary>Which items what is to be predicted is compared with.</summary>
internal sealed class NegativeItems
{
    /// <summary>
    /// Catalogues up to this size are compared with as a whole, unless it is told how many: of larger ones, a sample makes as good a ranking in less time.
    /// </summary>
    private const int MostOfAll = 2048;

    private const int DefaultSample = 512;

    /// <summary>With many events, each item has been a negative often enough after one epoch, and drawing fewer at a time ranks as well.</summary>
    private const int SampleOfMany = 128;

    /// <param name="set">The sequences.</param>
    /// <param name="counts">How often each item is what is to be predicted; items that never are, and that nobody dislikes, stay unknown.</param>
    /// <param name="settings">The settings.</param>
    public NegativeItems(SequenceSet set, double[] counts, TrainingSettings settings)
    {
        var traits = settings.Loss.Function().OfBlocks.Traits;
        if (!traits.HasNegatives)
        {
            (Items, Weight) = ([], 0);
            return;
        }

        var disliked = new bool[counts.Length];
        for (var sequence = 0; sequence < set.SequenceCount && set.Dislikes is not null; sequence++)
        {
            foreach (var item in set.Dislikes[sequence])
            {
                disliked[item] = true;
            }
        }

        Items = [.. Enumerable.Range(0, counts.Length).Where(item => counts[item] > 0 || disliked[item])];
        Weight = settings.NegativeWeight ?? traits.NegativeWeight;
        Sampled = settings.Negatives ?? (Items.Length <= MostOfAll ? 0 : set.Count < SequenceTrainer.ManyEvents ? DefaultSample : SampleOfMany);
        if (Sampled > 0)
        {
            double[] weights = [.. Items.Select(item => counts[item] == 0 ? 0 : Math.Pow(counts[item], settings.NegativeExponent))];
            var total = weights.Sum();
            Draw = new(weights);
            Corrections = [.. weights.Select(weight => weight == 0 ? 0 : (float)-Math.Log(Sampled * weight / total))];
        }
    }

    /// <summary>The items that are negatives of others.</summary>
    public int[] Items { get; }

    /// <summary>S, how many are drawn for a block; 0 for all.</summary>
    public int Sampled { get; }

    /// <summary>How much the negatives of a row count together, where the loss is a sum over them.</summary>
    public float Weight { get; }

    /// <summary>Draws a place in <see cref="Items"/>; null for all.</summary>
    public AliasTable? Draw { get; }

    /// <summary>−ln(S q) of each item; null for all.</summary>
    public float[]? Corrections { get; }

    /// <summary>How many different negatives a block has at most, but for dislikes.</summary>
    public int Most => Sampled == 0 ? Items.Length : Math.Min(Sampled, Items.Length);
}
