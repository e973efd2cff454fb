namespace RecService.Api.Operations;

/// <summary>The command <c>healthcheck</c>: asks the service in the same container whether it is ready, since the image has no curl.</summary>
internal static class HealthProbe
{
    public const string Command = "healthcheck";

    /// <summary>0 when the service is ready, 1 otherwise.</summary>
    public static async Task<int> RunAsync(IConfiguration configuration)
    {
        var port = configuration["HTTP_PORTS"]?.Split(';')[0] ?? "8080";
        var address = configuration["URLS"]?.Split(';')[0] is { } url
            ? url.Replace("://*", "://localhost", StringComparison.Ordinal).Replace("://+", "://localhost", StringComparison.Ordinal)
                .Replace("://0.0.0.0", "://localhost", StringComparison.Ordinal).Replace("://[::]", "://localhost", StringComparison.Ordinal)
            : $"http://localhost:{port}";
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        try
        {
            using var answer = await client.GetAsync(new Uri(new Uri(address), "/health/ready"));
            await Console.Out.WriteLineAsync($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
            return answer.IsSuccessStatusCode ? 0 : 1;
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync(exception.Message);
            return 1;
        }
    }
}
