namespace RecService.Engine.Scoring;

/// <summary>
/// What the sum that stands for an item's score may differ by from it: by rounding, and by the error of bytes, for which ⟨q, z⟩ − ⟨q', z'⟩ =
/// ⟨q, z − z'⟩ + ⟨q − q', z'⟩ ≤ ‖q‖ ‖z − z'‖ + ‖q − q'‖ ‖z'‖.
/// </summary>
internal readonly struct BlockBounds
{
    /// <summary>Half the distance from 1 to the next float.</summary>
    public const float UnitRoundoff = 5.9604645e-8f;

    /// <summary>More than all products come to that are too small for a float.</summary>
    public const float Underflow = 1e-36f;

    private const float Upwards = 1 + 1e-5f;

    private BlockBounds(ItemQuery query)
    {
        if (query.Bytes is { } bytes)
        {
            OfErrors = Upwards * query.Length;
            OfLengths = Upwards * (bytes.Error + (8 * UnitRoundoff * (query.Length + bytes.Error)));
        }
    }

    /// <summary>What a block's ‖z − z'‖ is multiplied by.</summary>
    public float OfErrors { get; private init; }

    /// <summary>What a block's ‖z'‖ is multiplied by.</summary>
    public float OfLengths { get; private init; }

    /// <summary>What bounds every intermediate result of the request's row.</summary>
    public float Magnitude { get; private init; }

    /// <summary>What the bound of a joined row's results is multiplied by.</summary>
    public float Rounding { get; private init; }

    /// <summary>The largest |r| of a field-weighted model, at least 1.</summary>
    public float FieldWeight { get; private init; }

    /// <summary>Of scores: both ways of adding one up do at most so many roundings one after the other, on numbers within a bound.</summary>
    /// <param name="query">q.</param>
    /// <param name="depth">The number of roundings.</param>
    /// <param name="magnitude">What bounds every intermediate result of the request's row: Σ |x_i| (|w_i| + ‖v_i‖).</param>
    /// <param name="fieldWeight">The largest |r| of a field-weighted model, at least 1.</param>
    public static BlockBounds OfScores(ItemQuery query, int depth, float magnitude, float fieldWeight) =>
        new(query)
        {
            Magnitude = magnitude,
            Rounding = 2 * depth * UnitRoundoff,
            FieldWeight = fieldWeight,
        };

    /// <summary>Of inner products.</summary>
    public static BlockBounds OfProducts(ItemQuery query)
    {
        var bounds = new BlockBounds(query);
        var rounding = 4 * (query.Vector.Length + 16) * UnitRoundoff * query.Length;
        return bounds with { OfErrors = bounds.OfErrors + rounding, OfLengths = bounds.OfLengths + rounding };
    }

    /// <summary>What a score may differ by through rounding.</summary>
    /// <param name="magnitude">What bounds every intermediate result of the item's row.</param>
    public float RoundingOf(float magnitude)
    {
        var joined = Magnitude + magnitude;
        return Rounding * joined * (1 + (FieldWeight * joined));
    }
}
