using System.Globalization;
using System.Text.Json;
using RecService.Api.Domain;

namespace RecService.Api.Http.Json;

/// <summary>A body that is a list under one name, read element by element, so that one that is malformed does not spoil the others.</summary>
internal static class JsonElements
{
    /// <summary>The list; null, with errors, when the body is none.</summary>
    /// <param name="errors">Takes what is wrong with the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="name">The name of the list.</param>
    /// <param name="most">How many elements it may have; at least one.</param>
    public static JsonElement? List(FieldErrors errors, JsonElement body, string name, int most)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            errors.Add("$", "must be an object");
            return null;
        }

        JsonElement? list = null;
        try
        {
            foreach (var property in body.EnumerateObject())
            {
                if (!property.NameEquals(name))
                {
                    errors.Add(property.Name, "is not a known field");
                }
                else if (list is not null)
                {
                    errors.Add(name, "is given twice");
                }
                else
                {
                    list = property.Value;
                }
            }
        }
        catch (InvalidOperationException)
        {
            // What the parser throws for a name with a lone surrogate or bytes that are not UTF-8.
            errors.Add("$", "has a name that is no valid Unicode text");
            return null;
        }

        if (list is not { } value)
        {
            errors.Add(name, "is required");
        }
        else if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() is var length && (length == 0 || length > most))
        {
            errors.Add(name, string.Create(CultureInfo.InvariantCulture, $"must be an array of 1 to {most} {name}"));
        }

        return errors.Any ? null : list;
    }

    /// <summary>An element; null, with an error, when it is not what it should be.</summary>
    public static T? Read<T>(FieldErrors errors, JsonElement element)
        where T : class
    {
        try
        {
            if (element.Deserialize<T>(ApiJson.Options) is { } value)
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
