using System.Globalization;
using RecService.Benchmarks;

switch (args)
{
    case [] or ["engine"]:
        return EngineBenchmark.Run(rounds: 5);
    case ["engine", var rounds] when int.TryParse(rounds, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0:
        return EngineBenchmark.Run(count);
    case ["ranking"]:
        return RankingBenchmark.Run();
    case ["access", var url] when Uri.TryCreate(url, UriKind.Absolute, out var address):
        return await AccessTiming.RunAsync(address);
    default:
        Console.Error.WriteLine("usage: bench [engine [ROUNDS] | ranking | access URL]");
        return 2;
}
