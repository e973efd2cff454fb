using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace RecService.Api.Tests.Telemetry;

/// <summary>A span as it arrived.</summary>
public sealed record ReceivedSpan(
    string Scope,
    string Name,
    string TraceId,
    string SpanId,
    string ParentId,
    IReadOnlyDictionary<string, string> Attributes
);

/// <summary>Takes what an OTLP exporter sends, by HTTP or by gRPC, and reads as much of the protobuf as tests ask for.</summary>
public sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<byte[]> _traces = new();
    private readonly ConcurrentQueue<byte[]> _metrics = new();
    private readonly ConcurrentQueue<string> _paths = new();

    private OtlpReceiver(HttpProtocols protocols)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = protocols));
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.Run(TakeAsync);
    }

    public string Address => _app.Urls.Single();

    /// <summary>What was sent to.</summary>
    public IReadOnlyCollection<string> Paths => _paths;

    /// <summary>Everything that arrived, as it came.</summary>
    public IReadOnlyList<byte[]> Bodies => [.. _traces, .. _metrics];

    public IReadOnlyList<ReceivedSpan> Spans =>
        [
            .. from body in _traces
            from resource in Messages(body, 1)
            from scope in Messages(resource, 2)
            from span in Messages(scope, 2)
            select new ReceivedSpan(
                Text(Messages(scope, 1).Single(), 1),
                Text(span, 5),
                Hex(span, 1),
                Hex(span, 2),
                Hex(span, 4),
                Attributes(span, 9)
            ),
        ];

    /// <summary>The instruments of which measurements have arrived, with their units.</summary>
    public IReadOnlyDictionary<string, string> Metrics =>
        (
            from body in _metrics
            from resource in Messages(body, 1)
            from scope in Messages(resource, 2)
            from metric in Messages(scope, 2)
            select (Name: Text(metric, 1), Unit: Text(metric, 3))
        )
            .Distinct()
            .ToDictionary(metric => metric.Name, metric => metric.Unit, StringComparer.Ordinal);

    /// <summary>The attributes of the process that sent.</summary>
    public IReadOnlyDictionary<string, string> Resource => Attributes(Messages(Messages(_traces.First(), 1).First(), 1).Single(), 1);

    public static async Task<OtlpReceiver> StartAsync(HttpProtocols protocols)
    {
        var receiver = new OtlpReceiver(protocols);
        await receiver._app.StartAsync();
        return receiver;
    }

    /// <summary>Waits until something has arrived, as exporters send in batches.</summary>
    public async Task<T> UntilAsync<T>(Func<OtlpReceiver, T?> find)
        where T : class
    {
        for (var limit = DateTime.UtcNow.AddSeconds(60); DateTime.UtcNow < limit; await Task.Delay(100))
        {
            if (find(this) is { } found)
            {
                return found;
            }
        }

        throw new TimeoutException(
            $"Arrived were the spans {string.Join(", ", Spans.Select(span => span.Name).Distinct(StringComparer.Ordinal))} and the metrics {string.Join(", ", Metrics.Keys)}."
        );
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        _paths.Enqueue(context.Request.Path);
        var isGrpc = context.Request.ContentType == "application/grpc";

        // A message in gRPC has a flag and its length before it.
        var message = isGrpc ? body.ToArray()[5..] : body.ToArray();
        (context.Request.Path.Value!.Contains("trace", StringComparison.OrdinalIgnoreCase) ? _traces : _metrics).Enqueue(message);
        context.Response.ContentType = context.Request.ContentType;
        if (isGrpc)
        {
            await context.Response.Body.WriteAsync(new byte[5]);
            context.Response.AppendTrailer("grpc-status", "0");
        }
    }

    private static Dictionary<string, string> Attributes(ReadOnlyMemory<byte> message, int field) =>
        Messages(message, field)
            .ToDictionary(attribute => Text(attribute, 1), attribute => Value(Messages(attribute, 2).Single()), StringComparer.Ordinal);

    private static string Value(ReadOnlyMemory<byte> value) =>
        Fields(value)
            .Select(field =>
                field.Bytes is { } text
                    ? Encoding.UTF8.GetString(text.Span)
                    : field.Number.ToString(System.Globalization.CultureInfo.InvariantCulture)
            )
            .Single();

    private static string Text(ReadOnlyMemory<byte> message, int field) => Encoding.UTF8.GetString(Messages(message, field).SingleOrDefault().Span);

    private static string Hex(ReadOnlyMemory<byte> message, int field) => Convert.ToHexStringLower(Messages(message, field).SingleOrDefault().Span);

    private static IEnumerable<ReadOnlyMemory<byte>> Messages(ReadOnlyMemory<byte> message, int number) =>
        Fields(message).Where(field => field.Field == number && field.Bytes is not null).Select(field => field.Bytes!.Value);

    /// <summary>The fields of a protobuf message: what is length-delimited as bytes, the rest as numbers.</summary>
    private static List<(int Field, ulong Number, ReadOnlyMemory<byte>? Bytes)> Fields(ReadOnlyMemory<byte> message)
    {
        var fields = new List<(int, ulong, ReadOnlyMemory<byte>?)>();
        for (var at = 0; at < message.Length;)
        {
            var tag = Varint(message.Span, ref at);
            var field = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    fields.Add((field, Varint(message.Span, ref at), null));
                    break;
                case 1:
                    fields.Add((field, BitConverter.ToUInt64(message.Span[at..]), null));
                    at += 8;
                    break;
                case 2:
                    var length = (int)Varint(message.Span, ref at);
                    fields.Add((field, 0, message.Slice(at, length)));
                    at += length;
                    break;
                case 5:
                    fields.Add((field, BitConverter.ToUInt32(message.Span[at..]), null));
                    at += 4;
                    break;
                default:
                    throw new FormatException($"Wire type {tag & 7} is not used by OTLP.");
            }
        }

        return fields;
    }

    private static ulong Varint(ReadOnlySpan<byte> bytes, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            value |= (ulong)(bytes[at] & 0x7F) << shift;
            if ((bytes[at++] & 0x80) == 0)
            {
                return value;
            }
        }
    }
}
