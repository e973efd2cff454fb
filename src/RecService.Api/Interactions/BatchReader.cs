using System.Globalization;
using System.Text.Json;
using RecService.Api.Domain;
using RecService.Api.Http.Json;

namespace RecService.Api.Interactions;

/// <summary>Reads a batch element by element, so that one that is malformed does not spoil the others.</summary>
internal static class BatchReader
{
    private const string ListName = "interactions";

    /// <summary>The elements of the batch; empty, with an error, when the body is no batch.</summary>
    public static IReadOnlyList<JsonElement> Elements(FieldErrors errors, JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            errors.Add("$", "must be an object");
            return [];
        }

        var seen = false;
        JsonElement list = default;
        try
        {
            foreach (var property in body.EnumerateObject())
            {
                if (!property.NameEquals(ListName))
                {
                    errors.Add(property.Name, "is not a known field");
                }
                else if (seen)
                {
                    errors.Add(ListName, "is given twice");
                }
                else
                {
                    seen = true;
                    list = property.Value;
                }
            }
        }
        catch (InvalidOperationException)
        {
            // What the parser throws for a name with a lone surrogate or bytes that are not UTF-8.
            errors.Add("$", "has a name that is no valid Unicode text");
            return [];
        }

        if (!seen)
        {
            errors.Add(ListName, "is required");
        }
        else if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is 0 or > InteractionBatch.MaxCount)
        {
            errors.Add(ListName, string.Create(CultureInfo.InvariantCulture, $"must be an array of 1 to {InteractionBatch.MaxCount} interactions"));
        }

        return errors.Any ? [] : [.. list.EnumerateArray()];
    }

    /// <summary>One interaction; null, with an error, when it is not one.</summary>
    public static InteractionInput? Element(FieldErrors errors, JsonElement element)
    {
        try
        {
            if (element.Deserialize<InteractionInput>(ApiJson.Options) is { } input)
            {
                return input;
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
