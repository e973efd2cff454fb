using System.CommandLine;
using RecService.Cli.Service;

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

    public RecServiceClient Open(ParseResult parsed) =>
        new(
            AddressOf(parsed.GetValue(Url)!),
            parsed.GetValue(Key) ?? Environment.GetEnvironmentVariable("RECSERVICE_API_KEY") ?? Environment.GetEnvironmentVariable("RECSERVICE_KEY")
        );

    private static Uri AddressOf(string url) =>
        Uri.TryCreate(url.EndsWith('/') ? url : url + "/", UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? address
            : throw new CommandFailedException($"'{url}' is not an http address");
}
