using System.Globalization;
using RecService.Cli.Files;

namespace RecService.Cli.Output;

/// <summary>Numbers as people read them, and the loss as it is reported.</summary>
internal static class Figures
{
    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    public static string Counted(long value, string noun, string? plural = null) => $"{Count(value)} {(value == 1 ? noun : plural ?? noun + "s")}";

    /// <summary>What a file of examples holds.</summary>
    public static string Describe(DataSet data) =>
        $"{data.Name}: {Counted(data.Examples.Count, "row")}, {Counted(data.Space.ColumnCount, "feature")} in {Counted(data.Space.FieldCount, "field")}"
        + (data.UnknownEntries == 0 ? "" : $"; left out, as training has no such features: {Count(data.UnknownEntries)} entries");

    public static string Metric(double? value) => value?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "-";

    public static string Seconds(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
