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
    default:
        Console.Error.WriteLine("usage: bench [engine [ROUNDS] | ranking]");
        return 2;
}
