using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Faults;

/// <summary>
/// Callers that send batches one after the other, each until it is acknowledged, and remember what was. Half of them name their interactions, the
/// others their requests.
/// Each interaction has a number of its own, so that it can be told whether it is stored, and how often.
/// </summary>
internal sealed class Writers
{
    private const int Count = 6;
    private const int MostOfABatch = 20;
    private const int NumbersOfAWriter = 1_000_000;

    private readonly ConcurrentBag<long> _acknowledged = [];
    private readonly ConcurrentQueue<string> _mistakes = [];
    private readonly ConcurrentDictionary<string, int> _outcomes = new(StringComparer.Ordinal);
    private readonly Func<Uri?> _address;
    private readonly bool _persistent;
    private readonly Task _work;
    private volatile bool _enough;

    /// <param name="seed">Of the sizes of the batches.</param>
    /// <param name="address">Where the service is at the moment; null: nowhere.</param>
    /// <param name="persistent">Whether they try again; else each ends with its first request that fails.</param>
    public Writers(int seed, Func<Uri?> address, bool persistent = true)
    {
        _address = address;
        _persistent = persistent;
        _work = Task.WhenAll(Enumerable.Range(0, Count).Select(writer => Task.Run(() => WriteAsync(writer, new Random(seed + writer)))));
    }

    public IReadOnlyCollection<long> Acknowledged => _acknowledged;

    /// <summary>How often what came of a request.</summary>
    public string Outcomes =>
        string.Join(", ", _outcomes.OrderBy(outcome => outcome.Key, StringComparer.Ordinal).Select(outcome => $"{outcome.Key}: {outcome.Value}"));

    /// <summary>Lets the writers have their last batches acknowledged.</summary>
    public async Task StopAsync()
    {
        _enough = true;
        await _work.WaitAsync(Backstop.Limit);
    }

    /// <summary>Compares what was acknowledged with what is stored.</summary>
    public async Task CheckAsync(CrashableDatabase database, ITestOutputHelper output)
    {
        var stored = await database.ScalarAsync<long[]>("SELECT coalesce(array_agg(value::bigint), '{}') FROM interactions WHERE type = 'written'");
        var distinct = stored.ToHashSet();
        var lost = _acknowledged.Count(number => !distinct.Contains(number));
        output.WriteLine(
            $"{_acknowledged.Count} interactions acknowledged, {stored.Length} stored, {lost} lost, {stored.Length - distinct.Count} stored twice; requests by outcome: {Outcomes}"
        );
        _mistakes.Take(5).ShouldBeEmpty();
        lost.ShouldBe(0);
        stored.Length.ShouldBe(distinct.Count);
        distinct.Count.ShouldBe(_acknowledged.Count);
    }

    private async Task WriteAsync(int writer, Random random)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false })
        {
            DefaultRequestHeaders = { { TestKey.Header, TestKey.Text } },
            Timeout = TimeSpan.FromSeconds(30),
        };
        for (long next = writer * NumbersOfAWriter; !_enough;)
        {
            var numbers = Enumerable.Range(0, random.Next(1, MostOfABatch)).Select(i => next + i).ToArray();
            next += numbers.Length;
            if (await SendAsync(client, writer, numbers))
            {
                foreach (var number in numbers)
                {
                    _acknowledged.Add(number);
                }
            }
            else
            {
                return;
            }
        }
    }

    private async Task<bool> SendAsync(HttpClient client, int writer, long[] numbers)
    {
        var named = writer % 2 == 0;
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                interactions = numbers.Select(number => new
                {
                    interactionId = named ? $"n{number}" : null,
                    userId = $"writer-{writer}",
                    itemId = $"item-{number % 50}",
                    type = "written",
                    value = (double)number,
                }),
            }
        );
        while (true)
        {
            var outcome = await TryAsync(client, body, named ? null : $"batch-{numbers[0]}");
            _outcomes.AddOrUpdate(outcome, 1, (_, former) => former + 1);
            if (outcome == "200" || !_persistent)
            {
                return outcome == "200";
            }

            await Task.Delay(20);
        }
    }

    private async Task<string> TryAsync(HttpClient client, byte[] body, string? key)
    {
        if (_address() is not { } address)
        {
            return "away";
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address, "/v1/interactions")) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new("application/json");
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        try
        {
            using var answer = await client.SendAsync(request);
            var status = ((int)answer.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture);
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                var result = await answer.Content.ReadFromJsonAsync<JsonElement>();
                if (result.GetProperty("rejected").GetInt64() != 0)
                {
                    _mistakes.Enqueue(result.ToString());
                }
            }
            else if (answer.StatusCode != HttpStatusCode.ServiceUnavailable || answer.Headers.RetryAfter is null)
            {
                _mistakes.Enqueue($"{status} {await answer.Content.ReadAsStringAsync()}");
            }

            return status;
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            return "cut";
        }
    }
}
