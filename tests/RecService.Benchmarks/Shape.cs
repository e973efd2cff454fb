using RecService.Engine.Synthetic;

namespace RecService.Benchmarks;

/// <summary>Generated data: one feature of each field a row, as frequent as ids are in practice.</summary>
/// <param name="Name">What the tables call it.</param>
/// <param name="FieldSizes">Features of each field.</param>
/// <param name="Rows">Number of rows.</param>
internal sealed record Shape(string Name, int[] FieldSizes, int Rows)
{
    /// <summary>
    /// A: many fields, eight of which have few values, so that every row shares features with most others. B: users, items and a context. C: users
    /// and items alone.
    /// D: the same as B with a model beyond the near caches.
    /// </summary>
    public static readonly Shape[] All =
    [
        new("A", [2_500, 2_500, 50, 50, 50, 50, 50, 50, 50, 50], 200_000),
        new("B", [16_000, 7_900, 100], 400_000),
        new("C", [4_000, 2_600], 390_000),
        new("D", [60_000, 29_000, 1_000], 1_400_000),
    ];

    public int Features => FieldSizes.Sum();

    public OneHotTruth Truth() => new(FieldSizes);
}
