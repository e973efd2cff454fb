using System.Globalization;
using RecService.Cli.Files;
using RecService.Engine.Model;

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

    /// <summary>The loss in the unit of its name: the RMSE for squared loss, which is in the units of the targets.</summary>
    public static double Reported(Loss loss, double mean) => loss == Loss.Squared ? Math.Sqrt(mean) : mean;

    public static string NameOf(Loss loss) =>
        loss switch
        {
            Loss.Squared => "RMSE",
            Loss.Logistic => "log loss",
            _ => "pair loss",
        };
}
