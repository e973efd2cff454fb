using System.Text.Json;
using RecService.Api.Domain;
using RecService.Api.Http.Json;

namespace RecService.Api.Http.Bulk;

/// <summary>JSON objects, one a line.</summary>
internal static class NdJson
{
    public const string MediaType = "application/x-ndjson";

    /// <summary>The object of a line; null, with an error, when it is not one.</summary>
    public static T? Parse<T>(FieldErrors errors, Line line)
        where T : class
    {
        if (line.TooLong)
        {
            errors.Add("$", $"is longer than {Lines.MaxLength / 1024} KiB");
            return null;
        }

        try
        {
            if (JsonSerializer.Deserialize<T>(line.Text.Span, ApiJson.Options) is { } value)
            {
                return value;
            }

            errors.Add("$", "must be an object");
        }
        catch (JsonException exception)
        {
            var (field, reason) = JsonError.Describe(exception);
            errors.Add(field, reason);
        }

        return null;
    }
}
