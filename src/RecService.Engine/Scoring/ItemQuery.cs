using System.Runtime.InteropServices;

namespace RecService.Engine.Scoring;

/// <summary>A vector that items are multiplied by, in floats and, where the machine multiplies bytes, in bytes.</summary>
internal sealed class ItemQuery
{
    /// <param name="vector">q.</param>
    /// <param name="parts">The parts that it has.</param>
    /// <param name="factors">The numbers of each that are not padding.</param>
    /// <param name="inBytes">Whether it is needed in bytes.</param>
    public ItemQuery(float[] vector, int parts, int factors, bool inBytes)
    {
        Vector = vector;
        Bytes = inBytes ? new(vector, parts, factors) : null;
        var squares = 0.0;
        foreach (var number in vector)
        {
            squares += (double)number * number;
        }

        Length = (float)Math.Sqrt(squares);
    }

    /// <summary>q, padded.</summary>
    public float[] Vector { get; }

    /// <summary>‖q‖.</summary>
    public float Length { get; }

    /// <summary>q in bytes; null when products are those of floats.</summary>
    public ByteQuery? Bytes { get; }
}

/// <summary>A query in bytes: <see cref="Step"/> · bytes is the query but for an error.</summary>
internal sealed class ByteQuery
{
    private const int Greatest = 63;

    /// <param name="query">The query.</param>
    /// <param name="parts">The parts that it has.</param>
    /// <param name="factors">The numbers of each that are not padding.</param>
    public ByteQuery(ReadOnlySpan<float> query, int parts, int factors)
    {
        var largest = 0f;
        foreach (var number in query)
        {
            largest = MathF.Max(largest, MathF.Abs(number));
        }

        // Where the largest is no number, or 0, so is what is estimated by the step.
        Step = largest / Greatest;
        var (quads, stride) = (ItemChunk.QuadsOf(factors), parts == 0 ? 0 : query.Length / parts);
        Quads = new int[parts * quads];
        var bytes = MemoryMarshal.Cast<int, sbyte>(Quads.AsSpan());
        var (errors, sum) = (0.0, 0);
        for (var at = 0; at < bytes.Length; at++)
        {
            var number = query[(at / (4 * quads) * stride) + (at % (4 * quads))];
            var rounded = Step > 0 && float.IsFinite(Step) ? Math.Clamp((int)MathF.Round(number / Step), -Greatest, Greatest) : 0;
            var error = number - ((double)Step * rounded);
            bytes[at] = (sbyte)rounded;
            sum += rounded;
            errors += error * error;
        }

        Error = (float)Math.Sqrt(errors);
        Start = -ItemChunk.ByteZero * sum;
    }

    /// <summary>Four bytes each.</summary>
    public int[] Quads { get; }

    /// <summary>What bytes are multiplied by.</summary>
    public float Step { get; }

    /// <summary>What sums of products start with, as the bytes of vectors have no sign.</summary>
    public int Start { get; }

    /// <summary>‖q − step · bytes‖.</summary>
    public float Error { get; }
}
