using System.IO.Pipelines;
using System.Text.Json;
using RecService.Api.Domain;
using RecService.Api.Http.Json;
using RecService.Api.Http.Limits;

namespace RecService.Api.Http.Bulk;

/// <summary>Writes an answer of JSON objects, one a line, in a bounded amount of memory.</summary>
internal sealed class NdJsonWriter : IAsyncDisposable
{
    private readonly PipeWriter _output;
    private readonly StallLimit.Waiting _reader;

    private NdJsonWriter(PipeWriter output, StallLimit.Waiting reader)
    {
        _output = output;
        _reader = reader;

        // Every line starts anew; what was read from the store is valid as it is.
        Json = new(output, new() { Encoder = ApiJson.Options.Encoder, SkipValidation = true });
    }

    /// <summary>Takes the object of a line.</summary>
    public Utf8JsonWriter Json { get; }

    public static NdJsonWriter Start(HttpResponse response, string fileName, StallLimit stalls, CancellationToken cancellationToken)
    {
        response.ContentType = NdJson.MediaType;
        response.Headers.ContentDisposition = $"attachment; filename={fileName}";
        return new(response.BodyWriter, stalls.Begin(cancellationToken));
    }

    public async ValueTask EndLineAsync()
    {
        Json.Flush();
        Json.Reset();
        _output.GetSpan(1)[0] = (byte)'\n';
        _output.Advance(1);
        if (_output.UnflushedBytes >= StallLimit.PartBytes && (await _reader.SendAsync(_output.FlushAsync)).IsCompleted)
        {
            throw new OperationCanceledException("The caller has gone.");
        }
    }

    public ValueTask DisposeAsync()
    {
        _reader.Dispose();
        return Json.DisposeAsync();
    }
}

/// <summary>Properties as imports take them: what is not there is left out.</summary>
internal static class NdJsonProperties
{
    public static void WriteTexts(this Utf8JsonWriter json, string name, string[] texts)
    {
        if (texts.Length == 0)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    /// <summary>An object that is stored as JSON. Line breaks in it stand between its parts only, and would end the line.</summary>
    public static void WriteObject(this Utf8JsonWriter json, string name, string? text)
    {
        if (text is null)
        {
            return;
        }

        json.WritePropertyName(name);
        json.WriteRawValue(text.Replace('\n', ' ').Replace('\r', ' '), skipInputValidation: true);
    }

    /// <summary>The values of a context or of attributes; left out when there are none.</summary>
    public static void WriteFeatures(this Utf8JsonWriter json, string name, string? text) =>
        json.WriteObject(name, text is Features.EmptyJson ? null : text);

    public static void WriteText(this Utf8JsonWriter json, string name, string? text)
    {
        if (text is not null)
        {
            json.WriteString(name, text);
        }
    }
}
