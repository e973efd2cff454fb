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
    case ["load", var minutes] when IsCount(minutes, out var count):
        return await LoadBenchmark.RunAsync(count);
    default:
        Console.Error.WriteLine("usage: bench [engine [ROUNDS] | ranking | sequences | access URL | ingest [ROUNDS] | load MINUTES]");
        return 2;
}

static bool IsCount(string text, out int count) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count > 0;
