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
    case ["formats"]:
        return await FormatBenchmark.RunAsync(rows: 1_000_000);
    case ["formats", var rows] when IsCount(rows, out var count):
        return await FormatBenchmark.RunAsync(count);
    case ["load", var minutes] when IsCount(minutes, out var count):
        return await LoadBenchmark.RunAsync(count);
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
            "usage: bench [engine [ROUNDS] | ranking | sequences | access URL | ingest [ROUNDS] | formats [ROWS] | load MINUTES | floods [SECONDS] | quality DIR [--seeds N] [--folds N] | freshness DIR]"
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
