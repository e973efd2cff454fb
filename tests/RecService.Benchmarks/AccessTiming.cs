using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace RecService.Benchmarks;

/// <summary>
/// Whether the time of a refusal tells which key prefixes there are: a running service is asked with the prefix of the key in RECSERVICE_API_KEY and
/// wrong
/// secrets, and with prefixes that nobody has, in random order over one connection. The service has to be started with
/// <c>--Access:AnonymousLimit:PerSecond=0</c>.
/// </summary>
internal static class AccessTiming
{
    private const int WarmUp = 20_000;
    private const int Calls = 10_000;
    private const string SecretAlphabet = "0123456789abcdef";
    private const string PrefixAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";

    public static async Task<int> RunAsync(Uri address)
    {
        if (Environment.GetEnvironmentVariable("RECSERVICE_API_KEY")?.Split('_', 3) is not ["rs", var known, { Length: var secretLength }])
        {
            await Console.Error.WriteLineAsync("RECSERVICE_API_KEY must hold a valid key of the service.");
            return 2;
        }

        using var client = new HttpClient { BaseAddress = address };
        for (var i = 0; i < WarmUp; i++)
        {
            await CallAsync(client, known, secretLength);
        }

        // The second comparison, of the same kind of call with itself, shows what chance alone does.
        foreach (
            var (title, first) in new (string, string?)[]
            {
                ("wrong secrets of a known prefix (first), unknown prefixes (second)", known),
                ("unknown prefixes, twice", null),
            }
        )
        {
            var samples = (A: new List<double>(Calls), B: new List<double>(Calls));
            var order = Enumerable.Range(0, 2 * Calls).Select(i => i % 2 == 0).ToArray();
            Random.Shared.Shuffle(order);
            foreach (var isFirst in order)
            {
                // The same work on both sides: what the client does just before a call would be measured with it.
                var unknown = RandomNumberGenerator.GetString(PrefixAlphabet, known.Length);
                var prefix = isFirst ? first ?? unknown : unknown;
                (isFirst ? samples.A : samples.B).Add(await CallAsync(client, prefix, secretLength));
            }

            Report(title, samples.A, samples.B);
        }

        return 0;
    }

    private static async Task<double> CallAsync(HttpClient client, string prefix, int secretLength)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/users")
        {
            Headers = { { "X-Api-Key", $"rs_{prefix}_{RandomNumberGenerator.GetString(SecretAlphabet, secretLength)}" } },
        };
        var start = Stopwatch.GetTimestamp();
        using var answer = await client.SendAsync(request);
        var elapsed = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        return (int)answer.StatusCode == 401 ? elapsed : throw new InvalidOperationException($"The answer is {(int)answer.StatusCode}, not 401.");
    }

    private static void Report(string title, List<double> a, List<double> b)
    {
        a.Sort();
        b.Sort();
        var (z, share) = MannWhitney(a, b);
        Print($"{title}, {a.Count} calls each, µs");
        Print($"  first   p5 {Quantile(a, 0.05):F1}  median {Quantile(a, 0.5):F1}  p95 {Quantile(a, 0.95):F1}");
        Print($"  second  p5 {Quantile(b, 0.05):F1}  median {Quantile(b, 0.5):F1}  p95 {Quantile(b, 0.95):F1}");
        Print(
            $"  Mann–Whitney: P(first < second) = {share:F4}, z = {z:F2}; Kolmogorov–Smirnov: D = {Kolmogorov(a, b):F4} (5% level {1.358 * Math.Sqrt((a.Count + b.Count) / ((double)a.Count * b.Count)):F4})"
        );
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

    private static double Quantile(List<double> sorted, double q) => sorted[(int)(q * (sorted.Count - 1))];

    /// <summary>The normal approximation of the U statistic, and the share of pairs whose first is the smaller one, ties counting half.</summary>
    private static (double Z, double Share) MannWhitney(List<double> a, List<double> b)
    {
        var smaller = 0.0;
        int below = 0,
            notAbove = 0;
        foreach (var value in b)
        {
            while (below < a.Count && a[below] < value)
            {
                below++;
            }

            while (notAbove < a.Count && a[notAbove] <= value)
            {
                notAbove++;
            }

            smaller += below + ((notAbove - below) / 2.0);
        }

        double n = a.Count,
            m = b.Count;
        return ((smaller - (n * m / 2)) / Math.Sqrt(n * m * (n + m + 1) / 12), smaller / (n * m));
    }

    /// <summary>The greatest distance of the two distribution functions.</summary>
    private static double Kolmogorov(List<double> a, List<double> b)
    {
        var distance = 0.0;
        for (int i = 0, j = 0; i < a.Count && j < b.Count;)
        {
            var value = Math.Min(a[i], b[j]);
            while (i < a.Count && a[i] <= value)
            {
                i++;
            }

            while (j < b.Count && b[j] <= value)
            {
                j++;
            }

            distance = Math.Max(distance, Math.Abs(((double)i / a.Count) - ((double)j / b.Count)));
        }

        return distance;
    }
}
