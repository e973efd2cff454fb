using RecService.Cli.Commands;

namespace RecService.Cli.Demo;

internal static class GeneratedData
{
    public static DemoData Create(int seed) => throw new CommandFailedException($"there is no generator yet (seed {seed}); use --movielens DIR");
}
