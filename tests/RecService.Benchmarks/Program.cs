using System.Globalization;
using RecService.Benchmarks;

switch (args)
{
    case [] or ["engine"]:
        return EngineBenchmark.Run(rounds: 5);
    case ["engine", var rounds] when IsCount(rounds, out var count):
        return EngineBenchmark.Run(count);
    case ["ranking"]:
        return RankingBenchmark.Run();
    case ["sequences"]:
        return SequenceBenchmark.Run(rounds: 3);
    case ["access", var url] when Uri.TryCreate(url, UriKind.Absolute, out var address):
        return await AccessTiming.RunAsync(address);
    case ["ingest"]:
        return await IngestBenchmark.RunAsync(rounds: 3);
    case ["ingest", var rounds] when IsCount(rounds, out var count):
        return await IngestBenchmark.RunAsync(count);
    case ["ingest", var rounds, var rows] when IsCount(rounds, out var count) && IsCount(rows, out var rowCount):
        return await IngestBenchmark.RunAsync(count, rowCount);
    case ["formats"]:
        return await FormatBenchmark.RunAsync(rows: 1_000_000);
    case ["formats", var rows] when IsCount(rows, out var count):
        return await FormatBenchmark.RunAsync(count);
    case ["scale", .. var options] when IsScale(options, out var shape, out var former, out var json):
        return await ScaleBenchmark.RunAsync(shape, former, json);
    case ["load", var minutes] when IsCount(minutes, out var count):
        return await LoadBenchmark.RunAsync(count);
    case ["load", var minutes, var sessions] when IsCount(minutes, out var count) && IsCount(sessions, out var sessionCount):
        return await LoadBenchmark.RunAsync(count, sessionCount);
    case ["floods"]:
        return await FloodBenchmark.RunAsync(seconds: 20);
    case ["floods", var seconds] when IsCount(seconds, out var count):
        return await FloodBenchmark.RunAsync(count);
    case ["quality", var folder, .. var options] when IsQuality(options, out var seeds, out var folds):
        return await QualityBenchmark.RunAsync(folder, seeds, folds);
    case ["freshness", var folder]:
        return await FreshnessBenchmark.RunAsync(folder);
    default:
        Console.Error.WriteLine(
            "usage: bench [engine [ROUNDS] | ranking | sequences | access URL | ingest [ROUNDS [ROWS]] | formats [ROWS] | scale [--small] [--before DIR] [--json FILE] | load MINUTES [SESSIONS] | floods [SECONDS] | quality DIR [--seeds N] [--folds N] | freshness DIR]"
        );
        return 2;
}

static bool IsCount(string text, out int count) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count > 0;

static bool IsQuality(string[] options, out int seeds, out int folds)
{
    (seeds, folds) = (3, 5);
    while (options is [var name, var value, .. var others])
    {
        var taken = name switch
        {
            "--seeds" => IsCount(value, out seeds),
            // Of a single fold, nobody would be left to train on.
            "--folds" => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out folds) && folds != 1,
            _ => false,
        };
        if (!taken)
        {
            return false;
        }

        options = others;
    }

    return options.Length == 0;
}

static bool IsScale(string[] options, out ScaleShape shape, out string? former, out string? json)
{
    (shape, former, json) = (ScaleShape.Large, null, null);
    while (options.Length > 0)
    {
        switch (options)
        {
            case ["--small", .. var others]:
                (shape, options) = (ScaleShape.Small, others);
                break;
            case ["--before", var folder, .. var others] when File.Exists(Path.Combine(folder, "RecService.Api.dll")):
                (former, options) = (Path.GetFullPath(folder), others);
                break;
            case ["--json", var file, .. var others]:
                (json, options) = (file, others);
                break;
            default:
                return false;
        }
    }

    return true;
}
