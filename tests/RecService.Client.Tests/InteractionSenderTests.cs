using System.Diagnostics.Metrics;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using RecService.Client.Sending;

namespace RecService.Client.Tests;

public sealed class InteractionSenderTests
{
    private static readonly CancellationToken Cancellation = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Interactions_go_in_batches_and_in_order_with_the_time_when_they_came()
    {
        using var answers = new Answers((request, _) => Answers.Json(Taken(request)));
        await using var shop = new Shop(answers, sender: options => options.BatchSize = 10);
        var before = DateTimeOffset.UtcNow;
        for (var i = 0; i < 25; i++)
        {
            (await shop.Sender.SendAsync(Interactions.Click("u", $"i{i}"), Cancellation)).ShouldBeTrue();
        }

        await shop.Sender.FlushAsync(Cancellation);

        answers.Requests.SelectMany(Items).ShouldBe(Enumerable.Range(0, 25).Select(i => $"i{i}"));
        answers.Requests.ShouldAllBe(request => Items(request).Count <= 10);
        answers.Requests.Select(request => request.IdempotencyKey).ShouldBeUnique();
        answers.Requests.SelectMany(Times).ShouldAllBe(time => time >= before && time <= DateTimeOffset.UtcNow);
        (shop.Sender.Accepted, shop.Sender.Queued, shop.Sender.Dropped).ShouldBe((25, 0, 0));
    }

    [Fact]
    public async Task What_waits_is_sent_when_it_has_waited_long_enough()
    {
        using var answers = new Answers((request, _) => Answers.Json(Taken(request)));
        await using var shop = new Shop(answers, sender: options => options.Delay = TimeSpan.FromMilliseconds(50));

        shop.Sender.TrySend(Interactions.Click("u", "a")).ShouldBeTrue();

        await UntilAsync(() => shop.Sender.Accepted == 1);
    }

    [Fact]
    public async Task A_batch_is_sent_under_one_key_until_it_is_answered()
    {
        using var answers = new Answers(
            (request, number) =>
                number switch
                {
                    1 => throw new HttpRequestException("lost"),
                    < 8 => Answers.Away(),
                    8 => Answers.Json("{}", HttpStatusCode.Unauthorized, TimeSpan.Zero),
                    _ => Answers.Json(Taken(request)),
                }
        );
        await using var shop = new Shop(answers);

        await shop.Sender.SendAsync(Interactions.Click("u", "a"), Cancellation);
        await shop.Sender.FlushAsync(Cancellation);

        answers.Requests.Count.ShouldBe(9);
        answers.Requests.Select(request => (request.IdempotencyKey, request.Body)).Distinct().Count().ShouldBe(1);
        (shop.Sender.Accepted, shop.Sender.Rejected).ShouldBe((1, 0));
    }

    [Fact]
    public async Task One_that_is_rejected_is_told_and_does_not_hold_up_the_others()
    {
        using var answers = new Answers(
            (_, number) =>
                Answers.Json(
                    number == 1
                        ? """{"accepted": 1, "duplicates": 1, "rejected": 1, "errors": [{"index": 1, "field": "type", "reason": "must not be empty"}, {"index": 1, "field": "value", "reason": "is odd"}]}"""
                        : """{"accepted": 1, "errors": []}"""
                )
        );
        var rejected = new List<RejectedInteraction>();
        await using var shop = new Shop(
            answers,
            sender: options =>
                options.OnRejected = told =>
                {
                    rejected.Add(told);
                    throw new InvalidOperationException("A callback of a shop's.");
                }
        );
        foreach (var item in new[] { "a", "b", "c" })
        {
            await shop.Sender.SendAsync(Interactions.Click("u", item), Cancellation);
        }

        await shop.Sender.FlushAsync(Cancellation);
        await shop.Sender.SendAsync(Interactions.Click("u", "d"), Cancellation);
        await shop.Sender.FlushAsync(Cancellation);

        var told = rejected.ShouldHaveSingleItem();
        told.Interaction.ItemId.ShouldBe("b");
        told.Reasons.ShouldBe([("type", "must not be empty"), ("value", "is odd")]);
        (shop.Sender.Accepted, shop.Sender.Duplicates, shop.Sender.Rejected, shop.Sender.Queued).ShouldBe((2, 1, 1, 0));
    }

    [Fact]
    public async Task When_all_are_rejected_each_is_told_by_the_first_answer()
    {
        const string problem = """{"errors": {"interactions[0].type": ["is empty"], "interactions[1]": ["is no object"]}}""";
        using var answers = new Answers((_, _) => Answers.Json(problem, HttpStatusCode.BadRequest));
        var reasons = new List<string>();
        await using var shop = new Shop(answers, sender: options => options.OnRejected = told => reasons.Add($"{told.Interaction.ItemId}: {told.Reasons[0]}"));
        await shop.Sender.SendAsync(Interactions.Click("u", "a"), Cancellation);
        await shop.Sender.SendAsync(Interactions.Click("u", "b"), Cancellation);

        await shop.Sender.FlushAsync(Cancellation);

        reasons.ShouldBe(["a: (type, is empty)", "b: ($, is no object)"]);
        answers.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_batch_that_is_refused_is_halved_until_the_one_to_blame_is_found()
    {
        using var answers = new Answers(
            (request, _) =>
                Items(request).Contains("i5")
                    ? Answers.Json("""{"title": "Too large."}""", HttpStatusCode.RequestEntityTooLarge)
                    : Answers.Json(Taken(request))
        );
        var rejected = new List<RejectedInteraction>();
        await using var shop = new Shop(answers, sender: options => options.OnRejected = rejected.Add);
        for (var i = 0; i < 8; i++)
        {
            await shop.Sender.SendAsync(Interactions.Click("u", $"i{i}"), Cancellation);
        }

        await shop.Sender.FlushAsync(Cancellation);

        rejected.ShouldHaveSingleItem().Interaction.ItemId.ShouldBe("i5");
        rejected[0].Reasons.Single().Reason.ShouldContain("Too large.");
        (shop.Sender.Accepted, shop.Sender.Rejected).ShouldBe((7, 1));
    }

    [Fact]
    public async Task One_that_cannot_be_written_is_rejected_without_the_others()
    {
        using var answers = new Answers((request, _) => Answers.Json(Taken(request)));
        var rejected = new List<RejectedInteraction>();
        await using var shop = new Shop(answers, sender: options => options.OnRejected = rejected.Add);
        await shop.Sender.SendAsync(Interactions.Click("u", "a"), Cancellation);
        await shop.Sender.SendAsync(Interactions.Click("u", "b") with { Value = double.NaN }, Cancellation);
        await shop.Sender.SendAsync(Interactions.Click("u", "c"), Cancellation);

        await shop.Sender.FlushAsync(Cancellation);

        rejected.ShouldHaveSingleItem().Interaction.ItemId.ShouldBe("b");
        answers.Requests.SelectMany(Items).ShouldBe(["a", "c"]);
    }

    [Fact]
    public async Task A_full_queue_drops_and_counts_where_that_is_chosen()
    {
        using var answers = new Answers((_, _) => new TaskCompletionSource<HttpResponseMessage>().Task);
        await using var shop = new Shop(
            answers,
            sender: options =>
                (options.Capacity, options.BatchSize, options.WhenFull, options.FlushTimeout) = (3, 1, WhenFull.Drop, TimeSpan.Zero)
        );
        await shop.Sender.SendAsync(Interactions.Click("u", "first"), Cancellation);
        await UntilAsync(() => !answers.Requests.IsEmpty);

        var taken = new List<bool>();
        for (var i = 0; i < 5; i++)
        {
            taken.Add(await shop.Sender.SendAsync(Interactions.Click("u", $"i{i}"), Cancellation));
        }

        taken.ShouldBe([true, true, true, false, false]);
        (shop.Sender.Dropped, shop.Sender.Queued).ShouldBe((2, 4));
    }

    [Fact]
    public async Task A_full_queue_makes_callers_wait_where_that_is_chosen()
    {
        var away = new TaskCompletionSource();
        using var answers = new Answers(
            async (request, _) =>
            {
                await away.Task;
                return Answers.Json(Taken(request));
            }
        );
        await using var shop = new Shop(answers, sender: options => (options.Capacity, options.BatchSize) = (1, 1));
        await shop.Sender.SendAsync(Interactions.Click("u", "first"), Cancellation);
        await UntilAsync(() => !answers.Requests.IsEmpty);
        await shop.Sender.SendAsync(Interactions.Click("u", "second"), Cancellation);

        var third = shop.Sender.SendAsync(Interactions.Click("u", "third"), Cancellation).AsTask();
        using var impatient = new CancellationTokenSource();
        var fourth = shop.Sender.SendAsync(Interactions.Click("u", "fourth"), impatient.Token).AsTask();
        third.IsCompleted.ShouldBeFalse();
        await impatient.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(fourth);
        shop.Sender.TrySend(Interactions.Click("u", "fifth")).ShouldBeFalse();
        away.SetResult();

        (await third).ShouldBeTrue();
        await shop.Sender.FlushAsync(Cancellation);
        answers.Requests.SelectMany(Items).ShouldBe(["first", "second", "third"]);
        (shop.Sender.Accepted, shop.Sender.Dropped, shop.Sender.Queued).ShouldBe((3, 2, 0));
    }

    [Fact]
    public async Task The_end_of_the_host_sends_the_rest()
    {
        using var answers = new Answers((request, _) => Answers.Json(Taken(request)));
        await using var shop = new Shop(answers, sender: options => options.Delay = TimeSpan.FromHours(1));
        await shop.Sender.SendAsync(Interactions.Click("u", "a"), Cancellation);
        var lifetime = shop.Get<IHostedService>();

        await lifetime.StopAsync(Cancellation);

        shop.Sender.Accepted.ShouldBe(1);
        (await shop.Sender.SendAsync(Interactions.Click("u", "late"), Cancellation)).ShouldBeFalse();
        shop.Sender.Dropped.ShouldBe(1);
        await shop.Sender.FlushAsync(Cancellation);
    }

    [Fact]
    public async Task An_end_that_may_not_wait_gives_up_what_has_not_been_answered()
    {
        using var answers = new Answers((_, _) => Answers.Away());
        await using var shop = new Shop(answers, sender: options => (options.BatchSize, options.FlushTimeout) = (1, TimeSpan.FromMilliseconds(100)));
        await shop.Sender.SendAsync(Interactions.Click("u", "a"), Cancellation);
        await shop.Sender.SendAsync(Interactions.Click("u", "b"), Cancellation);

        await shop.Sender.DisposeAsync();

        (shop.Sender.Dropped, shop.Sender.Queued).ShouldBe((2, 0));
    }

    [Fact]
    public async Task The_meter_tells_what_became_of_them()
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        using var answers = new Answers(
            (_, _) => Answers.Json("""{"accepted": 1, "duplicates": 1, "errors": [{"index": 2, "field": "type", "reason": "is odd"}]}""")
        );
        await using var shop = new Shop(answers);
        var meters = shop.Get<IMeterFactory>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, own) =>
        {
            if (instrument.Meter.Name is "RecService.Client" && instrument.Meter.Scope == meters)
            {
                own.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>(
            (instrument, value, tags, _) => counts[$"{instrument.Name} {(tags.IsEmpty ? "" : tags[0].Value)}".TrimEnd()] = value
        );
        listener.Start();
        foreach (var item in new[] { "a", "b", "c" })
        {
            await shop.Sender.SendAsync(Interactions.Click("u", item), Cancellation);
        }

        await shop.Sender.FlushAsync(Cancellation);
        await shop.Sender.DisposeAsync();
        shop.Sender.TrySend(Interactions.Click("u", "late")).ShouldBeFalse();
        listener.RecordObservableInstruments();

        counts.ShouldBe(
            new Dictionary<string, long>(StringComparer.Ordinal)
            {
                ["recservice.client.interactions accepted"] = 1,
                ["recservice.client.interactions duplicate"] = 1,
                ["recservice.client.interactions rejected"] = 1,
                ["recservice.client.interactions dropped"] = 1,
                ["recservice.client.queued"] = 0,
            },
            ignoreOrder: true
        );
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(5, Cancellation);
        }
    }

    private static string Taken(Request request) => $$"""{"accepted": {{Items(request).Count}}, "duplicates": 0, "rejected": 0, "errors": []}""";

    private static List<string> Items(Request request) => [.. All(request).Select(interaction => interaction.GetProperty("itemId").GetString()!)];

    private static IEnumerable<DateTimeOffset> Times(Request request) =>
        All(request).Select(interaction => interaction.GetProperty("occurredAt").GetDateTimeOffset());

    private static IEnumerable<JsonElement> All(Request request) =>
        JsonDocument.Parse(request.Body).RootElement.GetProperty("interactions").EnumerateArray();
}
