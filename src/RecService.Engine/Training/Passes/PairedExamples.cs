using RecService.Engine.Data;

namespace RecService.Engine.Training.Passes;

/// <summary>Pairs for pairwise learning.</summary>
internal static class PairedExamples
{
    /// <summary>For each example that is not positive, the positive before it and the example itself.</summary>
    /// <exception cref="ArgumentException">There is no pair, or the first example is not positive.</exception>
    public static ExampleSet Of(ExampleSet examples, string name)
    {
        var pairs = new List<int>();
        var positive = -1;
        for (var example = 0; example < examples.Count; example++)
        {
            if (examples.Targets[example] > 0)
            {
                positive = example;
            }
            else if (positive < 0)
            {
                throw new ArgumentException(
                    "The first example is not positive: pairwise learning needs each positive in front of its negatives.",
                    name
                );
            }
            else
            {
                pairs.Add(positive);
                pairs.Add(example);
            }
        }

        return pairs.Count > 0
            ? examples.Select([.. pairs])
            : throw new ArgumentException("No example has a target of 0 or less: pairwise learning needs pairs of a positive and a negative.", name);
    }
}
