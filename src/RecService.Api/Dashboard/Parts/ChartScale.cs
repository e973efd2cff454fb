using System.Globalization;

namespace RecService.Api.Dashboard.Parts;

/// <summary>An axis: round numbers from below the least value to above the greatest.</summary>
internal sealed record ChartScale(double Low, double High, double Step)
{
    private const int Steps = 4;

    public IEnumerable<double> Ticks => Enumerable.Range(0, (int)Math.Round((High - Low) / Step) + 1).Select(tick => Low + (tick * Step));

    public static ChartScale Over(double least, double greatest)
    {
        if (!(greatest > least))
        {
            (least, greatest) = (Math.Min(least, 0), greatest > 0 ? greatest : least + 1);
        }

        var rough = (greatest - least) / Steps;
        var magnitude = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = magnitude * ((rough / magnitude) switch { <= 1 => 1, <= 2 => 2, <= 2.5 => 2.5, <= 5 => 5, _ => 10 });
        var low = Math.Floor(least / step) * step;
        return new(low, Math.Max(Math.Ceiling(greatest / step) * step, low + step), step);
    }

    /// <summary>Where a value lies, of the whole: from 0, at the low end, to 1.</summary>
    public double At(double value) => (value - Low) / (High - Low);

    public string Name(double tick) =>
        Math.Abs(tick) < Step / 1000 ? "0"
        : Math.Abs(tick) >= 1_000_000 ? string.Create(CultureInfo.InvariantCulture, $"{tick / 1_000_000:0.##}M")
        : Math.Abs(tick) >= 10_000 ? string.Create(CultureInfo.InvariantCulture, $"{tick / 1000:0.##}k")
        : tick.ToString("0.####", CultureInfo.InvariantCulture);
}
