using System.Globalization;

namespace RecService.Api.Tests.Fixtures;

/// <summary>How hard the tests of faults try: a little with all other tests, in full by <c>./build.sh test faults</c>.</summary>
public static class FaultScale
{
    public static int Of(int brief, int full) => Environment.GetEnvironmentVariable("RECSERVICE_FAULTS") == "full" ? full : brief;

    /// <summary>The seed of <c>RECSERVICE_FAULTS_SEED</c>, else a new one; written down, so that what has failed can be done again.</summary>
    public static int Seed(ITestOutputHelper output)
    {
        ArgumentNullException.ThrowIfNull(output);
        var seed = int.TryParse(Environment.GetEnvironmentVariable("RECSERVICE_FAULTS_SEED"), CultureInfo.InvariantCulture, out var given)
            ? given
            : Random.Shared.Next(1_000_000);
        output.WriteLine($"RECSERVICE_FAULTS_SEED={seed}");
        return seed;
    }
}
