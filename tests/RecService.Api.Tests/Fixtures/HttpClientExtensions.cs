using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace RecService.Api.Tests.Fixtures;

/// <summary>Requests in the words of tests: JSON in, JSON out, with the status that is expected.</summary>
public static class HttpClientExtensions
{
    public static async Task<JsonElement> GetJsonAsync(this HttpClient client, string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var response = await client.GetAsync(Address(client, path));
        return await ReadAsync(response, expected);
    }

    public static async Task<JsonElement> PutJsonAsync(this HttpClient client, string path, object body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var response = await client.PutAsync(Address(client, path), JsonContent.Create(body));
        return await ReadAsync(response, expected);
    }

    public static async Task<JsonElement> PostJsonAsync(this HttpClient client, string path, object body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var response = await client.PostAsync(Address(client, path), JsonContent.Create(body));
        return await ReadAsync(response, expected);
    }

    public static async Task<JsonElement> SendTextAsync(
        this HttpClient client,
        HttpMethod method,
        string path,
        string text,
        string mediaType = "application/json",
        HttpStatusCode expected = HttpStatusCode.OK
    )
    {
        using var request = new HttpRequestMessage(method, Address(client, path)) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(text)) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
        using var response = await client.SendAsync(request);
        return await ReadAsync(response, expected);
    }

    public static async Task<JsonElement> DeleteJsonAsync(this HttpClient client, string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var response = await client.DeleteAsync(Address(client, path));
        return await ReadAsync(response, expected);
    }

    /// <summary>The errors of a problem, by field.</summary>
    public static Dictionary<string, string[]> Errors(this JsonElement problem)
    {
        problem.GetProperty("traceId").GetString().ShouldNotBeNullOrEmpty();
        return problem.GetProperty("errors").Deserialize<Dictionary<string, string[]>>()!;
    }

    /// <summary>
    /// The address as it is written: without the option, which the in-memory server (the one at port 80) does not understand, the client
    /// would turn %2E%2E into a step up.
    /// </summary>
    public static Uri Address(HttpClient client, string path)
    {
        ArgumentNullException.ThrowIfNull(client);
        var root = client.BaseAddress!.GetLeftPart(UriPartial.Authority);
        return new Uri(root + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = !client.BaseAddress.IsDefaultPort });
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage response, HttpStatusCode expected)
    {
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(expected, text);
        return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
    }
}
