using System.Text.RegularExpressions;

namespace RecService.Api.Operations;

/// <summary>The command <c>healthcheck</c>: asks the service in the same container whether it is ready, since the image has no curl.</summary>
internal static partial class HealthProbe
{
    public const string Command = "healthcheck";

    /// <summary>0 when the service is ready, 1 otherwise.</summary>
    public static async Task<int> RunAsync(IConfiguration configuration)
    {
        var address = AddressOf(configuration);
        using var handler = new HttpClientHandler();
        if (address.IsLoopback)
        {
            // The certificate is for the name that callers use; nobody stands between a process and its own machine.
#pragma warning disable MA0039
            handler.ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator;
#pragma warning restore MA0039
        }

        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(5) };
        try
        {
            using var answer = await client.GetAsync(new Uri(address, "/health/ready"));
            await Console.Out.WriteLineAsync($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
            return answer.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return 1;
        }
    }

    /// <summary>Where the service listens by the settings that Kestrel goes by, in the order in which they count.</summary>
    internal static Uri AddressOf(IConfiguration configuration)
    {
        var url = configuration
            .GetSection("Kestrel:Endpoints")
            .GetChildren()
            .Select(endpoint => endpoint["Url"])
            .FirstOrDefault(url => url is not null)
            ?? First(configuration["URLS"])
            ?? (First(configuration["HTTP_PORTS"]) is { } http ? $"http://localhost:{http}" : null)
            ?? (First(configuration["HTTPS_PORTS"]) is { } https ? $"https://localhost:{https}" : null)
            ?? "http://localhost:8080";
        return new(AnyAddress().Replace(url, "://localhost"));
    }

    private static string? First(string? list) =>
        list?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault();

    [GeneratedRegex(@"://(\*|\+|0\.0\.0\.0|\[::\])", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AnyAddress();
}
