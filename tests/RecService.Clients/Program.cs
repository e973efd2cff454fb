using RecService.Clients;

// The key comes by the environment, as arguments can be read by everybody on the machine.
if (args is not [var client, var address] || Environment.GetEnvironmentVariable("RECSERVICE_API_KEY") is not { } key)
{
    await Console.Error.WriteLineAsync("usage: RECSERVICE_API_KEY=KEY RecService.Clients nswag|kiota URL");
    return 2;
}

using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
using var http = new HttpClient { BaseAddress = new Uri(address) };
http.DefaultRequestHeaders.Add("X-Api-Key", key);
await (client is "nswag" ? NSwagClient.RunAsync(http, limit.Token) : KiotaClient.RunAsync(http, limit.Token));
return 0;
