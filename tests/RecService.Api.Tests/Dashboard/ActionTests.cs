using System.Net;
using System.Text.RegularExpressions;
using RecService.Api.Http;
using RecService.Api.Tests.Access;
using RecService.Api.Tests.Fixtures;
using RecService.Api.Tests.Training;

namespace RecService.Api.Tests.Dashboard;

/// <summary>What is done from the dashboard.</summary>
public sealed partial class ActionTests(KeyedService service) : IClassFixture<KeyedService>
{
    private Uri Address => service.Client.BaseAddress!;

    [Fact]
    public async Task A_run_is_started_watched_and_its_model_pinned_and_activated()
    {
        await service.Client.PostRatingsAsync(users: 10, items: 10);
        using var visitor = await Visitor.SignedInAsync(Address);
        var former = await TrainAsync(visitor);
        var run = await TrainAsync(visitor);
        using (var again = await visitor.PostAsync("/dashboard/training", "/dashboard/training/999999/cancel"))
        {
            again.StatusCode.ShouldBe(HttpStatusCode.NotFound);
            (await again.Content.ReadAsStringAsync()).ShouldContain("There is no training run");
        }

        var (first, second) = (await VersionAsync(former), await VersionAsync(run));
        using var pinned = await visitor.PostAsync($"/dashboard/models/{first}", $"/dashboard/models/{first}/pin");
        pinned.Headers.Location!.ToString().ShouldBe($"/dashboard/models/{first}?done=pinned");
        (await visitor.PageAsync(pinned.Headers.Location.ToString())).ShouldContain("Unpin");
        using var unpinned = await visitor.PostAsync($"/dashboard/models/{first}", $"/dashboard/models/{first}/unpin");
        unpinned.Headers.Location!.ToString().ShouldBe($"/dashboard/models/{first}?done=unpinned");

        (await visitor.PageAsync($"/dashboard/models/{first}/activate")).ShouldContain($"Serve model {first}?");
        using var activated = await visitor.PostAsync($"/dashboard/models/{first}/activate", $"/dashboard/models/{first}/activate");
        activated.Headers.Location!.ToString().ShouldBe($"/dashboard/models/{first}?done=activated");
        (await visitor.PageAsync(activated.Headers.Location.ToString())).ShouldContain("The model is served now.");
        (await service.Client.GetJsonAsync($"/v1/models/{first}")).GetProperty("active").GetBoolean().ShouldBeTrue();
        (await visitor.PageAsync($"/dashboard/models/compare?models={first},{second}")).ShouldContain("Two models");
        (await visitor.PageAsync("/dashboard?done=<script>")).ShouldNotContain("role=\"status\"");
    }

    [Fact]
    public async Task A_run_that_goes_on_can_be_watched_and_cancelled()
    {
        using var visitor = await Visitor.SignedInAsync(Address);
        await using var held = await HeldRun.StartAsync(service.ConnectionString, service.Client);
        (await visitor.PageAsync($"/dashboard/training/{held.RunId}")).ShouldContain($"data-run=\"/dashboard/training/{held.RunId}/events\"");
        (await visitor.PageAsync($"/dashboard/training/{held.RunId}/progress")).ShouldContain("<progress");
        using var second = await visitor.PostAsync("/dashboard/training", "/dashboard/training/start");
        second.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        using var cancelled = await visitor.PostAsync($"/dashboard/training/{held.RunId}/cancel", $"/dashboard/training/{held.RunId}/cancel");
        cancelled.Headers.Location!.ToString().ShouldBe($"/dashboard/training/{held.RunId}?done=cancelled");
        await held.LetGoAsync();
        await EndAsync(held.RunId);
    }

    [Fact]
    public async Task A_key_is_made_shown_once_rotated_and_revoked()
    {
        using var visitor = await Visitor.SignedInAsync(Address);
        using var made = await visitor.PostAsync("/dashboard/keys", "/dashboard/keys", ("name", "the shop"), ("roles", Roles.Score), ("roles", Roles.Ingest));
        made.StatusCode.ShouldBe(HttpStatusCode.OK);
        made.Headers.CacheControl!.NoStore.ShouldBeTrue();
        var key = KeyOf(await made.Content.ReadAsStringAsync());
        var prefix = key.Split('_')[1];
        await AnswersAsync(key, HttpStatusCode.OK);
        var keys = await visitor.PageAsync("/dashboard/keys");
        keys.ShouldContain("the shop");
        keys.ShouldContain(prefix);
        keys.ShouldNotContain(key);

        using var rotated = await visitor.PostAsync($"/dashboard/keys/{prefix}/rotate", $"/dashboard/keys/{prefix}/rotate", ("grace", "0"));
        var next = KeyOf(await rotated.Content.ReadAsStringAsync());
        await AnswersAsync(key, HttpStatusCode.Unauthorized);
        await AnswersAsync(next, HttpStatusCode.OK);

        using var revoked = await visitor.PostAsync($"/dashboard/keys/{prefix}/revoke", $"/dashboard/keys/{prefix}/revoke");
        revoked.Headers.Location!.ToString().ShouldBe("/dashboard/keys?done=revoked");
        await AnswersAsync(next, HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData("", "score", "", "name")]
    [InlineData("no roles", "", "", "roles")]
    [InlineData("a day", "score", "yesterday", "expires")]
    [InlineData("a day elsewhere", "score", "01/02/2027", "expires")]
    [InlineData("long ago", "score", "2001-01-01", "expiresAt")]
    public async Task A_key_that_cannot_be_made_is_refused_by_the_name_of_the_field(string name, string role, string expires, string field)
    {
        using var visitor = await Visitor.SignedInAsync(Address);
        (string, string)[] roles = role.Length > 0 ? [("roles", role)] : [];
        using var refused = await visitor.PostAsync("/dashboard/keys", "/dashboard/keys", [("name", name), ("expires", expires), .. roles]);
        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await refused.Content.ReadAsStringAsync()).ShouldContain($"{field} ");
    }

    [Fact]
    public async Task A_user_is_erased_after_a_question()
    {
        using var _ = await service.Client.PutAsync(new Uri("/v1/users/is%2Ferased", UriKind.Relative), new StringContent("{}", System.Text.Encoding.UTF8, "application/json"));
        using var visitor = await Visitor.SignedInAsync(Address);
        (await visitor.PageAsync("/dashboard/users/erase?id=is%2Ferased")).ShouldContain("value=\"is/erased\"");
        using var erased = await visitor.PostAsync("/dashboard/users/erase?id=is%2Ferased", "/dashboard/users/erase", ("id", "is/erased"));
        erased.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await erased.Content.ReadAsStringAsync()).ShouldContain("The user is erased");
        await visitor.PageAsync("/dashboard/users/view?id=is%2Ferased", HttpStatusCode.NotFound);
        using var again = await visitor.PostAsync("/dashboard/users", "/dashboard/users/erase", ("id", "is/erased"));
        again.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    private async Task<long> TrainAsync(Visitor visitor)
    {
        using var started = await visitor.PostAsync("/dashboard/training", "/dashboard/training/start");
        started.StatusCode.ShouldBe(HttpStatusCode.SeeOther, await started.Content.ReadAsStringAsync());
        var id = long.Parse(RunAddress().Match(started.Headers.Location!.ToString()).Groups["id"].Value, System.Globalization.CultureInfo.InvariantCulture);
        await EndAsync(id);
        return id;
    }

    private async Task EndAsync(long runId)
    {
        while ((await service.Client.GetJsonAsync($"/v1/training-runs/{runId}")).GetProperty("status").GetString() == "running")
        {
            await Task.Delay(50);
        }
    }

    private async Task<long> VersionAsync(long runId) =>
        (await service.Client.GetJsonAsync($"/v1/training-runs/{runId}")).GetProperty("modelVersion").GetInt64();

    private async Task AnswersAsync(string key, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/users") { Headers = { { TestKey.Header, key } } };
        using var answer = await service.Stranger.SendAsync(request);
        answer.StatusCode.ShouldBe(expected);
    }

    private static string KeyOf(string page) => Key().Match(page).Value;

    [GeneratedRegex("rs_[A-Za-z0-9]+_[A-Za-z0-9_-]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Key();

    [GeneratedRegex("^/dashboard/training/(?<id>[0-9]+)\\?done=started$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex RunAddress();
}
