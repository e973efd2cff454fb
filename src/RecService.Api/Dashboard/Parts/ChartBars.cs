namespace RecService.Api.Dashboard.Parts;

/// <summary>A part of each bar of a chart, one value a bar.</summary>
internal sealed record ChartBars(string Name, IReadOnlyList<double> Values);
