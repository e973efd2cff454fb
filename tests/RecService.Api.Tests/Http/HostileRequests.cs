using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RecService.Api.Tests.Fixtures;

namespace RecService.Api.Tests.Http;

/// <summary>
/// Requests that no client means to send, made from the OpenAPI document: the examples with something wrong about them. The same seed makes the same
/// ones.
/// </summary>
internal sealed class HostileRequests(JsonElement document, int seed)
{
    private static readonly string[] Texts =
    [
        "",
        " ",
        "null",
        "NaN",
        "-1",
        "0",
        "1e999",
        "9223372036854775808",
        "99999999999999999999999999",
        "' OR '1'='1",
        "'; DROP TABLE users; --",
        "$1",
        "{0}",
        "${jndi:ldap://x}",
        "<script>alert(1)</script>",
        "..",
        "../../etc/passwd",
        "%",
        "%00",
        "%zz",
        "%FF%FE",
        "%ED%A0%80",
        "%0d%0aSet-Cookie:x=1",
        "\\",
        "\"",
        "a/b",
        "a;b",
        "a#b",
        "a?b",
        "a&b=c",
        "+",
        "*",
        "\u202e",
        "Ω",
        new('x', 257),
        new('%', 300),
        new('a', 5000),
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59+14:00",
        "2026-02-30T00:00:00Z",
        "2026-01-01",
        "AAAAAAAAAAAA",
        "true",
    ];

    private static readonly string[] JsonValues =
    [
        "null",
        "true",
        "0",
        "-1",
        "1e999",
        "-1e999",
        "1e-999",
        "NaN",
        "Infinity",
        "0x10",
        "1.7976931348623157e308",
        "123456789012345678901234567890",
        "\"\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00x\"",
        "\"'; DROP TABLE users; --\"",
        "[]",
        "{}",
        "[null]",
        "[[[[]]]]",
        "{\"a\":{\"a\":{\"a\":1}}}",
        "{\"\":1}",
        "{\"a\":1,\"a\":2}",
        "\"9999-12-31T23:59:59+14:00\"",
        "\"0001-01-01T00:00:00+14:00\"",
        "tru",
        "'a'",
        "\"" + new string('z', 70_000) + "\"",
        "[" + string.Join(',', Enumerable.Repeat("\"t\"", 20_000)) + "]",
        string.Concat(Enumerable.Repeat("[", 5_000)),
        string.Concat(Enumerable.Repeat("{\"a\":", 5_000)),
        string.Concat(Enumerable.Repeat("[", 31)) + string.Concat(Enumerable.Repeat("]", 31)),
    ];

    private static readonly string[] MediaTypes =
    [
        "application/json",
        "application/json; charset=utf-16",
        "application/json; charset=nope",
        "application/x-ndjson",
        "text/csv",
        "text/plain",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/xml",
        "/",
        ";;;",
        "application/json, text/csv",
        "APPLICATION/JSON",
        "application/problem+json",
    ];

    private static readonly string[] Headers =
    [
        "Accept: application/x-npy",
        "Accept: ;q=x",
        "Accept: */*;q=0",
        "Expect: 100-continue",
        "Expect: nonsense",
        "Range: bytes=0-1",
        "If-None-Match: *",
        "X-Forwarded-For: 1.2.3.4, ' OR 1=1",
        "X-Forwarded-Proto: gopher",
        "Host: evil.example",
        "Authorization: Bearer",
        "Authorization: Basic Og==",
        "Authorization: Bearer rs_nobodyhere_x",
        "X-Api-Key: rs_testsadmin_x",
        "Content-Encoding: gzip",
        "Content-Encoding: gzip, br",
        "Content-Encoding: nonsense",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: nonsense",
        "Traceparent: 00-zz-zz-zz",
        "Baggage: a=%FF",
        "Cookie: a=\u0001",
        "X: a\r\nInjected: b",
        "No colon here",
        " Folded: x",
        "X-Http-Method-Override: DELETE",
        "Upgrade: h2c",
        "Connection: Upgrade",
        "Origin: null",
        "Accept-Language: " + new string('x', 9_000),
        "Sec-WebSocket-Key: x",
        "Content-Type: ",
    ];

    private static readonly string[] Methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "get", "G\u0001T"];

    private readonly Random _random = new(seed);
    private readonly (string Method, string Path, JsonElement Operation)[] _operations =
    [
        .. document
            .GetProperty("paths")
            .EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(operation => (operation.Name.ToUpperInvariant(), path.Name, operation.Value))),
    ];

    /// <summary>The bytes of the next request. They ask for the connection to be closed.</summary>
    public byte[] Next()
    {
        var (method, path, operation) = Pick(_operations);
        var head = new StringBuilder();
        head.Append(Chance(5) ? Pick(Methods) : method)
            .Append(' ')
            .Append(Target(path, operation))
            .Append(" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        if (!Chance(5))
        {
            head.Append(CultureInfo.InvariantCulture, $"{TestKey.Header}: {TestKey.Text}\r\n");
        }

        var (mediaType, body) = Body(operation);
        if (mediaType.Length > 0 || body.Length > 0)
        {
            head.Append("Content-Type: ").Append(Chance(10) ? Pick(MediaTypes) : mediaType).Append("\r\n");
            if (Chance(5))
            {
                body = Compressed(body);
                head.Append("Content-Encoding: gzip\r\n");
            }

            head.Append("Content-Length: ").Append(body.Length).Append("\r\n");
        }

        foreach (var name in HeaderParameters(operation).Where(_ => Chance(30)))
        {
            head.Append(name)
                .Append(": ")
                .Append(Chance(50) ? Pick(Texts) : Pick(Texts).Replace("\u202e", "", StringComparison.Ordinal))
                .Append("\r\n");
        }

        while (Chance(15))
        {
            head.Append(Pick(Headers)).Append("\r\n");
        }

        return [.. Encoding.UTF8.GetBytes(head.Append("\r\n").ToString()), .. body];
    }

    private static IEnumerable<JsonElement> Parameters(JsonElement operation) =>
        operation.TryGetProperty("parameters", out var parameters) ? parameters.EnumerateArray() : [];

    private static IEnumerable<string> HeaderParameters(JsonElement operation) =>
        Parameters(operation)
            .Where(parameter => parameter.GetProperty("in").GetString() == "header")
            .Select(parameter => parameter.GetProperty("name").GetString()!);

    private string Target(string path, JsonElement operation)
    {
        var query = new List<string>();
        foreach (var parameter in Parameters(operation).Where(parameter => parameter.GetProperty("in").GetString() != "header"))
        {
            var name = parameter.GetProperty("name").GetString()!;
            var example = parameter.TryGetProperty("example", out var given) ? given.ToString() : "";
            var value = Chance(40) ? Pick(Texts) : example;
            value = Chance(80) ? Uri.EscapeDataString(value) : value.Replace(" ", "", StringComparison.Ordinal);
            if (parameter.GetProperty("in").GetString() == "path")
            {
                path = path.Replace($"{{{name}}}", value, StringComparison.Ordinal);
            }
            else if (Chance(60))
            {
                query.Add($"{(Chance(5) ? Uri.EscapeDataString(Pick(Texts)) : name)}={value}");
            }
        }

        while (Chance(10))
        {
            query.Add(query.Count > 0 && Chance(50) ? query[0] : $"{Uri.EscapeDataString(Pick(Texts))}={Uri.EscapeDataString(Pick(Texts))}");
        }

        return query.Count > 0 ? $"{path}?{string.Join('&', query)}" : path;
    }

    private (string MediaType, byte[] Body) Body(JsonElement operation)
    {
        if (!operation.TryGetProperty("requestBody", out var body))
        {
            return Chance(3) ? ("application/json", "{}"u8.ToArray()) : ("", []);
        }

        var media = body.GetProperty("content").EnumerateObject().First(content => content.Value.TryGetProperty("example", out _));
        var example = media.Value.GetProperty("example");
        var text = example.ValueKind == JsonValueKind.String ? example.GetString()! : example.GetRawText();
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var hostile =
            media.Name == "application/json"
                ? WithWrongValue(text)
                : string.Join('\n', Enumerable.Repeat(0, _random.Next(1, 5)).Select(_ => WithWrongValue(Pick(lines))));
        return (media.Name, Damaged(hostile));
    }

    /// <summary>The JSON with one of its values replaced, or with a field too many.</summary>
    private string WithWrongValue(string json)
    {
        const string mark = "@@here@@";
        var root = JsonNode.Parse(json)!;
        var node = root;
        while (true)
        {
            var children = node switch
            {
                JsonObject fields => fields.Select(field => (object)field.Key).ToArray(),
                JsonArray elements => [.. Enumerable.Range(0, elements.Count).Select(i => (object)i)],
                _ => [],
            };
            if (node is JsonObject parent && (children.Length == 0 || Chance(15)))
            {
                parent[Chance(50) ? "unknown" : Pick(Texts)] = mark;
                break;
            }

            if (children.Length == 0)
            {
                break;
            }

            var key = Pick(children);
            var child = key is string name ? node[name] : node[(int)key];
            if (child is JsonObject or JsonArray && !Chance(25))
            {
                node = child;
                continue;
            }

            if (key is string field)
            {
                node[field] = mark;
            }
            else
            {
                node[(int)key] = mark;
            }

            break;
        }

        return root.ToJsonString().Replace($"\"{mark}\"", Pick(JsonValues), StringComparison.Ordinal);
    }

    private byte[] Damaged(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        switch (_random.Next(20))
        {
            case 0:
                return bytes[.._random.Next(bytes.Length + 1)];
            case 1:
                for (var i = _random.Next(1, 6); i > 0 && bytes.Length > 0; i--)
                {
                    bytes[_random.Next(bytes.Length)] = (byte)_random.Next(256);
                }

                return bytes;
            case 2:
                return Encoding.Unicode.GetBytes(text);
            case 3:
                return [.. bytes[..(bytes.Length / 2)], 0xC0, 0xAF, 0xED, 0xA0, 0x80, 0xFF, .. bytes[(bytes.Length / 2)..]];
            case 4:
                return [0xEF, 0xBB, 0xBF, .. bytes];
            case 5:
                return [.. bytes, .. bytes];
            default:
                return bytes;
        }
    }

    private byte[] Compressed(byte[] body)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(body);
            if (Chance(10))
            {
                // A little that becomes more than any body may be.
                var zeros = new byte[1024 * 1024];
                for (var i = 0; i < 40; i++)
                {
                    gzip.Write(zeros);
                }
            }
        }

        var bytes = buffer.ToArray();
        return Chance(30) ? bytes[..(bytes.Length / 2)] : bytes;
    }

    private bool Chance(int percent) => _random.Next(100) < percent;

    private T Pick<T>(IReadOnlyList<T> choices) => choices[_random.Next(choices.Count)];
}
