using RecService.Benchmarks;
using Spectre.Console;

switch (args)
{
    case [] or ["engine"]:
        return EngineBenchmark.Run();
    default:
        AnsiConsole.MarkupLine("There is one benchmark: [bold]engine[/].");
        return 1;
}
