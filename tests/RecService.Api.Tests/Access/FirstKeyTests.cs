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
    public async Task Outside_Development_a_stored_admin_key_is_enough_and_a_revoked_one_is_not()
    {
        string key;
        using (var service = New((TestKey.Setting, TestKey.Text)))
        using (var client = await service.ClientAsync())
        {
            key = (await client.PostJsonAsync("/v1/api-keys", new { name = "admin", roles = new[] { "admin" } }, HttpStatusCode.Created)).GetProperty("key").GetString()!;
            await service.StopAsync("TERM");
        }

        using (var service = New())
        using (var client = await service.ClientAsync())
        {
            // The bootstrap key is not configured any more.
            await client.GetJsonAsync("/v1/models", HttpStatusCode.Unauthorized);
            client.DefaultRequestHeaders.Remove(TestKey.Header);
            client.DefaultRequestHeaders.Add(TestKey.Header, key);
            await client.DeleteJsonAsync($"/v1/api-keys/{key.Split('_')[1]}", HttpStatusCode.NoContent);
            await service.StopAsync("TERM");
        }

        using (var service = New())
        {
            (await service.ExitAsync()).ShouldBe(1);
        }
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

    private static AccessOptions Options(params (string Name, string Value)[] settings)
    {
        var options = new AccessOptions();
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Name, (string?)setting.Value))).Build()
            .Bind(options, binder => binder.ErrorOnUnknownConfiguration = true);
        var result = new AccessOptionsValidation().Validate(name: null, options);
        return result.Failed ? throw new OptionsValidationException("", typeof(AccessOptions), result.Failures) : options;
    }

    private ServiceProcess New(params (string Key, string? Value)[] settings) =>
        new([(TestKey.Setting, null), ("ConnectionStrings:RecService", _database), ("Training:Enabled", "false"), .. settings]);

    [GeneratedRegex("rs_[a-z0-9]{12}_[A-Za-z0-9_-]{43}")]
    private static partial Regex Key();
}
