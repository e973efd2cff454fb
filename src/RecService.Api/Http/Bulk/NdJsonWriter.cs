using System.IO.Pipelines;
using System.Text.Json;
using RecService.Api.Http.Json;
using RecService.Api.Http.Limits;

namespace RecService.Api.Http.Bulk;

/// <summary>Writes an answer of JSON objects, one a line, in a bounded amount of memory. Properties are as imports take them: what is not there is left out.</summary>
internal sealed class NdJsonWriter(PipeWriter output, StallLimit.Waiting reader) : IExportRows
{
    // Every line starts anew; what was read from the store is valid as it is.
    private readonly Utf8JsonWriter _json = new(output, new() { Encoder = ApiJson.Options.Encoder, SkipValidation = true });
    private bool _isOpen;

    public void Text(string name, string? value)
    {
        if (value is not null)
        {
            Object().WriteString(name, value);
        }
    }

    public void Number(string name, double? value)
    {
        if (value is { } number)
        {
            Object().WriteNumber(name, number);
        }
    }

    public void Time(string name, DateTime value) => Object().WriteString(name, value);

    public void Flag(string name, bool value, bool assumed)
    {
        if (value != assumed)
        {
            Object().WriteBoolean(name, value);
        }
    }

    public void Texts(string name, string[] values)
    {
        if (values.Length == 0)
        {
            return;
        }

        var json = Object();
        json.WriteStartArray(name);
        foreach (var text in values)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    // Line breaks in it stand between its parts only, and would end the line.
    public void Json(string name, string? value)
    {
        if (value is not null)
        {
            var json = Object();
            json.WritePropertyName(name);
            json.WriteRawValue(value.Replace('\n', ' ').Replace('\r', ' '), skipInputValidation: true);
        }
    }

    public async ValueTask EndRowAsync()
    {
        Object().WriteEndObject();
        _isOpen = false;
        _json.Flush();
        _json.Reset();
        output.GetSpan(1)[0] = (byte)'\n';
        output.Advance(1);
        if (output.UnflushedBytes >= StallLimit.PartBytes && (await reader.SendAsync(output.FlushAsync)).IsCompleted)
        {
            throw new OperationCanceledException("The caller has gone.");
        }
    }

    public ValueTask EndAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        reader.Dispose();
        return _json.DisposeAsync();
    }

    private Utf8JsonWriter Object()
    {
        if (!_isOpen)
        {
            _json.WriteStartObject();
            _isOpen = true;
        }

        return _json;
    }
}
