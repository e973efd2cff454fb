namespace RecService.Engine.Evaluation.Metrics;

/// <summary>Whole numbers in the order of floats, so that one comparison orders by a float and something else.</summary>
internal static class FloatOrder
{
    /// <summary>A number that is higher for a higher float and equal for equal ones, zeros of either sign among them; not for NaN.</summary>
    public static uint KeyOf(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value + 0f);
        return (int)bits < 0 ? ~bits : bits | 0x8000_0000;
    }
}
