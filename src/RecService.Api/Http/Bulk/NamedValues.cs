using RecService.Api.Domain;

namespace RecService.Api.Http.Bulk;

/// <summary>What a column that holds a value by name, such as <c>context.hour:number</c>, declares its cells to be.</summary>
internal enum NamedType
{
    Text,
    Number,
}

/// <summary>Reads the cells of a column whose name ends with a key, such as <c>context.hour:number</c>.</summary>
internal delegate ReadCell<T> ReadKey<T>(string key, NamedType? type);

/// <summary>Columns that hold a value by name: <c>context.device</c> is the key <c>device</c> of the context. Names of keys hold no colon.</summary>
internal static class NamedValues
{
    public const string NotANumber = "must be a number";

    private const char DeclaresType = ':';

    /// <summary>A name without the declaration of a type behind it; as it is without one.</summary>
    public static string Undeclared(string column) => column.LastIndexOf(DeclaresType) is >= 0 and var colon ? column[..colon] : column;

    /// <summary>The key and the type that a column declares, by what is behind the dot; why it does not, where it does not.</summary>
    public static (string Key, NamedType? Type, string? Problem) Declared(string declaration)
    {
        var key = Undeclared(declaration);
        var (type, problem) =
            key.Length == declaration.Length ? ((NamedType?)null, (string?)null)
            : declaration[(key.Length + 1)..] switch
            {
                "text" => (NamedType.Text, null),
                "number" => (NamedType.Number, null),
                _ => (null, "declares a type that is not one of text, number"),
            };
        return (key, type, Features.NameProblem(key) ?? problem);
    }

    /// <summary>The value of a cell: as it is, or of the type that the column declares. What is wrong with it, where it is none.</summary>
    public static (AttributeValue Value, string? Problem) Of(Cell cell, NamedType? type)
    {
        if (type == NamedType.Number || (type is null && cell.Value is double or decimal))
        {
            return cell.Number is { } number && double.IsFinite(number) ? (AttributeValue.Of(number), null) : (default, NotANumber);
        }

        if (type is null && cell.Value is bool flag)
        {
            return (AttributeValue.Of(flag), null);
        }

        if (cell.Text is { } text)
        {
            return ExternalId.TextProblem(text, Features.MaxTextLength) is { } problem ? (default, problem) : (AttributeValue.Of(text), null);
        }

        return Of(cell.Texts!);
    }

    private static (AttributeValue Value, string? Problem) Of(string[] texts)
    {
        if (texts.Length > Features.MaxCount)
        {
            return (default, $"has more than {Features.MaxCount} strings");
        }

        return texts.Select(text => ExternalId.TextProblem(text, Features.MaxTextLength)).FirstOrDefault(problem => problem is not null) is { } wrong
            ? (default, wrong)
            : (AttributeValue.Of([.. texts.Distinct(StringComparer.Ordinal)]), null);
    }
}
