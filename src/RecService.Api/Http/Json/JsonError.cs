using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using RecService.Api.Domain;

namespace RecService.Api.Http.Json;

/// <summary>Says what is wrong with JSON in the caller's words: the path of the field, and a reason without .NET in it.</summary>
internal static partial class JsonError
{
    public static FieldError Describe(JsonException exception)
    {
        var field = Field(exception.Path);
        var message = exception.Message;
        if (exception is JsonValueException)
        {
            return new(field, message);
        }

        if (message.StartsWith("The input does not contain any JSON tokens", StringComparison.Ordinal))
        {
            return new("$", "is required");
        }

        if (Unknown().Match(message) is { Success: true } unknown)
        {
            return new(Join(field, unknown.Groups["name"].Value), "is not a known field");
        }

        if (Duplicate().Match(message) is { Success: true } duplicate)
        {
            return new(Join(field, duplicate.Groups["name"].Value), "is given twice");
        }

        if (Missing().Match(message) is { Success: true } missing)
        {
            return new(Join(field, missing.Groups["name"].Value), "is required");
        }

        return new(field, ReasonOf(exception));
    }

    private static string ReasonOf(JsonException exception)
    {
        var message = exception.Message;
        if (message.StartsWith("Duplicate properties", StringComparison.Ordinal))
        {
            return "is given twice";
        }

        if (exception.InnerException?.Message.Contains("UTF", StringComparison.Ordinal) == true)
        {
            return "is no valid Unicode text";
        }

        if (message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal))
        {
            return Target().Match(message) is { Success: true } target ? Expectation(target.Groups["type"].Value) : "has a value of the wrong type";
        }

        if (message.Contains("nullability annotation", StringComparison.Ordinal))
        {
            return "must not be null";
        }

        return IsSyntaxError(exception)
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"is no valid JSON, or is nested too deeply (line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1})"
            )
            : "is not what this field takes";
    }

    // The reader's messages quote the input, at any length.
    private static bool IsSyntaxError(JsonException exception) =>
        exception.InnerException is JsonException || exception.Message.Contains("BytePositionInLine", StringComparison.Ordinal);

    /// <summary>From the path <c>$.context['a.b'][2]</c> to <c>context.a.b[2]</c>.</summary>
    private static string Field(string? path)
    {
        if (path is null or "$")
        {
            return "$";
        }

        var plain = Quoted().Replace(path, ".${name}");
        return plain.StartsWith("$.", StringComparison.Ordinal) ? plain[2..] : plain;
    }

    private static string Join(string parent, string name) =>
        parent is "$" || parent.Equals(name, StringComparison.Ordinal) || parent.EndsWith('.' + name, StringComparison.Ordinal)
            ? (parent is "$" ? name : parent)
            : $"{parent}.{name}";

    private static string Expectation(string type) =>
        type switch
        {
            "System.String" => "must be a string",
            "System.Boolean" => "must be true or false",
            "System.Int32" or "System.Int64" => "must be a whole number",
            _ when type.Contains("System.Double", StringComparison.Ordinal) => "must be a number",
            _ when type.Contains("System.Int", StringComparison.Ordinal) => "must be a whole number",
            _ when type.Contains("System.Boolean", StringComparison.Ordinal) => "must be true or false",
            _ when type.Contains("Dictionary", StringComparison.Ordinal) => "must be an object",
            _ when type.Contains("List", StringComparison.Ordinal) || type.EndsWith("[]", StringComparison.Ordinal) => "must be an array",
            _ when type.StartsWith("RecService.", StringComparison.Ordinal) => "must be an object",
            _ => "has a value of the wrong type",
        };

    [GeneratedRegex(
        @"^The JSON property '(?<name>.*)' could not be mapped",
        RegexOptions.ExplicitCapture | RegexOptions.Singleline,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Unknown();

    [GeneratedRegex(
        @"^Duplicate property '(?<name>.*)' encountered",
        RegexOptions.ExplicitCapture | RegexOptions.Singleline,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Duplicate();

    [GeneratedRegex(@"missing required properties including: '(?<name>\w+)'", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Missing();

    [GeneratedRegex(@"converted to (?<type>\S+?)\.? ", RegexOptions.ExplicitCapture | RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Target();

    [GeneratedRegex(@"\['(?<name>.*?)'\]", RegexOptions.ExplicitCapture | RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Quoted();
}
