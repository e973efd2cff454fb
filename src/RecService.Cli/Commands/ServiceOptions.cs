using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using RecService.Client;

namespace RecService.Cli.Commands;

/// <summary>The options that say which service a command speaks to, and as whom.</summary>
internal sealed class ServiceOptions(string role)
{
    public Option<string> Url { get; } = new("--url") { Description = "Address of the service.", DefaultValueFactory = _ => "http://localhost:8080" };

    public Option<string?> Key { get; } = new("--key")
    {
        Description = $"API key with the role {role}; without it, that of the environment variable RECSERVICE_API_KEY (or RECSERVICE_KEY).",
        HelpName = "KEY",
    };

    public Uri AddressOf(ParseResult parsed) =>
        Uri.TryCreate(parsed.GetValue(Url), UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address
            : throw new CommandFailedException($"'{parsed.GetValue(Url)}' is not an http address");

    /// <summary>A client that leaves it to the command what is sent again.</summary>
    public ServiceProvider Open(ParseResult parsed, out IRecServiceClient client)
    {
        var services = new ServiceCollection();
        services.AddRecServiceClient(options =>
        {
            options.BaseAddress = AddressOf(parsed);
            options.ApiKey =
                parsed.GetValue(Key)
                ?? Environment.GetEnvironmentVariable("RECSERVICE_API_KEY")
                ?? Environment.GetEnvironmentVariable("RECSERVICE_KEY");
            options.Retries = 0;
        });
        var provider = services.BuildServiceProvider();
        client = provider.GetRequiredService<IRecServiceClient>();
        return provider;
    }
}
