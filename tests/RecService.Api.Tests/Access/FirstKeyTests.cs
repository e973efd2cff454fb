using System.Net;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using RecService.Api.Access;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Access;

public sealed partial class FirstKeyTests(DatabaseServer server) : IAsyncLifetime
{
    private string _database = "";

    public async ValueTask InitializeAsync() => _database = await server.CreateDatabaseAsync();

    public async ValueTask DisposeAsync() => await server.DropDatabaseAsync(_database);

    [Fact]
    public async Task Outside_Development_the_start_without_any_key_ends_with_a_sentence_that_names_the_setting()
    {
        using var service = New();
        (await service.ExitAsync()).ShouldBe(1);
        service.Output.ShouldContain("Access:BootstrapKey");
    }

    [Fact]
    public async Task Outside_Development_a_stored_admin_key_is_enough_and_the_last_one_cannot_be_revoked()
    {
        string key;
        using (var service = New((TestKey.Setting, TestKey.Text)))
        using (var client = await service.ClientAsync())
        {
            key = await NewKeyAsync(client, "admin");
            await service.StopAsync("TERM");
        }

        using (var service = New())
        using (var client = await service.ClientAsync())
        {
            // The bootstrap key is not configured any more.
            await client.GetJsonAsync("/v1/models", HttpStatusCode.Unauthorized);
            Use(client, key);
            (await client.DeleteJsonAsync(Record(key), HttpStatusCode.Conflict)).GetProperty("type").GetString().ShouldBe("/problems/last-admin-key");
            var next = await NewKeyAsync(client, "admin");
            await client.DeleteJsonAsync(Record(key), HttpStatusCode.NoContent);
            Use(client, next);
            await client.DeleteJsonAsync(Record(key), HttpStatusCode.NoContent);
            (await client.DeleteJsonAsync(Record(next), HttpStatusCode.Conflict))
                .GetProperty("type")
                .GetString()
                .ShouldBe("/problems/last-admin-key");
            await service.StopAsync("TERM");
        }
    }

    [Fact]
    public async Task Without_an_admin_key_the_service_starts_for_those_who_have_other_keys_and_without_any_valid_one_it_does_not()
    {
        string admin,
            score;
        using (var service = New((TestKey.Setting, TestKey.Text)))
        using (var client = await service.ClientAsync())
        {
            admin = await NewKeyAsync(client, "admin");
            score = await NewKeyAsync(client, "score");

            // The bootstrap key remains.
            await client.DeleteJsonAsync(Record(admin), HttpStatusCode.NoContent);
            await service.StopAsync("TERM");
        }

        using (var service = New())
        using (var client = await service.ClientAsync())
        {
            service.Output.ShouldContain("No valid key has the role");
            Use(client, score);
            await client.GetJsonAsync("/v1/recommendations/popular");
            await service.StopAsync("TERM");
        }

        using (var service = New((TestKey.Setting, TestKey.Text)))
        using (var client = await service.ClientAsync())
        {
            await client.DeleteJsonAsync(Record(score), HttpStatusCode.NoContent);
            await service.StopAsync("TERM");
        }

        using (var service = New())
        {
            (await service.ExitAsync()).ShouldBe(1);
        }
    }

    [Fact]
    public async Task While_the_database_is_away_the_log_says_so_once_and_shows_no_messages_of_the_server()
    {
        using var service = New((TestKey.Setting, TestKey.Text));
        using var client = await service.ClientAsync();
        await server.AllowConnectionsAsync(_database, allow: false);
        await Task.Delay(TimeSpan.FromSeconds(3));
        await server.AllowConnectionsAsync(_database, allow: true);

        var lines = service.Output.Split('\n');
        lines.Count(line => line.Contains("The API keys could not be read", StringComparison.Ordinal)).ShouldBe(1, service.Output);
        lines.ShouldNotContain(line => line.Contains("EntityFrameworkCore.Database.Connection", StringComparison.Ordinal));
        service.Output.ShouldNotContain("not currently accepting");
        await service.StopAsync("TERM");
    }

    [Fact]
    public async Task In_Development_the_first_start_prints_a_key_and_the_second_does_not()
    {
        string key;
        using (var service = New(("ASPNETCORE_ENVIRONMENT", "Development")))
        using (var client = await service.ClientAsync())
        {
            key = Key().Match(service.Output).Value;
            await client.GetJsonAsync("/v1/models", HttpStatusCode.Unauthorized);
            client.DefaultRequestHeaders.Remove(TestKey.Header);
            client.DefaultRequestHeaders.Add(TestKey.Header, key);
            await client.GetJsonAsync("/v1/models");
            await service.StopAsync("TERM");
        }

        using (var service = New(("ASPNETCORE_ENVIRONMENT", "Development")))
        using (var client = await service.ClientAsync())
        {
            service.Output.ShouldNotContain("rs_");
            client.DefaultRequestHeaders.Remove(TestKey.Header);
            client.DefaultRequestHeaders.Add(TestKey.Header, key);
            await client.GetJsonAsync("/v1/models");
            await service.StopAsync("TERM");
        }
    }

    [Theory]
    [InlineData("BootstrapKey", "")]
    [InlineData("BootstrapKey", "admin")]
    [InlineData("BootstrapKey", "rs_bootstrap_change-me")]
    [InlineData("BootstrapKey", "rs_bootstrap_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("BootstrapKey", "rs_BOOT_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("KeyLimit:PerSecond", "-1")]
    [InlineData("KeyLimit:Burst", "0")]
    [InlineData("AnonymousLimit:PerSecond", "NaN")]
    [InlineData("BootstrapKeys", "x")]
    public void A_setting_that_cannot_be_is_named(string name, string value) =>
        Should.Throw<Exception>(() => Options((name, value))).Message.ShouldContain(name);

    [Fact]
    public void A_bootstrap_key_as_the_documentation_makes_it_is_taken() =>
        Options(("BootstrapKey", "rs_bootstrap_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")).BootstrapKey.ShouldNotBeNull();

    private static async Task<string> NewKeyAsync(HttpClient client, string role) =>
        (await client.PostJsonAsync("/v1/api-keys", new { name = role, roles = new[] { role } }, HttpStatusCode.Created))
            .GetProperty("key")
            .GetString()!;

    private static string Record(string key) => $"/v1/api-keys/{key.Split('_')[1]}";

    private static void Use(HttpClient client, string key)
    {
        client.DefaultRequestHeaders.Remove(TestKey.Header);
        client.DefaultRequestHeaders.Add(TestKey.Header, key);
    }

    private static AccessOptions Options(params (string Name, string Value)[] settings)
    {
        var options = new AccessOptions();
        new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Name, (string?)setting.Value)))
            .Build()
            .Bind(options, binder => binder.ErrorOnUnknownConfiguration = true);
        var result = new AccessOptionsValidation().Validate(name: null, options);
        return result.Failed ? throw new OptionsValidationException("", typeof(AccessOptions), result.Failures) : options;
    }

    private ServiceProcess New(params (string Key, string? Value)[] settings) =>
        new([(TestKey.Setting, null), ("ConnectionStrings:RecService", _database), ("Training:Enabled", "false"), .. settings]);

    [GeneratedRegex("rs_[a-z0-9]{12}_[A-Za-z0-9_-]{43}")]
    private static partial Regex Key();
}
