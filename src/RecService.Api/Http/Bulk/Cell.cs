using System.Globalization;
using RecService.Api.Domain;

namespace RecService.Api.Http.Bulk;

/// <summary>Takes a cell, under the name of its column, into a row; what is wrong with it goes to the errors.</summary>
internal delegate T ReadCell<T>(FieldErrors errors, string column, T row, Cell cell);

/// <summary>
/// A value of a row: the text of a cell of CSV, or what a file with types holds, which is a text, a <see cref="double"/>, a <see cref="decimal"/>, a
/// <see cref="bool"/>, a <see cref="DateTimeOffset"/> or a list of texts. A value that is absent is no cell.
/// </summary>
internal readonly record struct Cell(object Value)
{
    /// <summary>It as a text, as ids are; null when it is a list.</summary>
    public string? Text =>
        Value switch
        {
            string text => text,
            bool flag => flag ? "true" : "false",
            DateTimeOffset time => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture),
            IFormattable number => number.ToString(format: null, CultureInfo.InvariantCulture),
            _ => null,
        };

    /// <summary>It as texts, which CSV has between bars; null when it is none.</summary>
    public string[]? Texts =>
        Value switch
        {
            string[] texts => texts,
            string text => text.Split('|'),
            _ => null,
        };

    public bool? Flag =>
        Value switch
        {
            bool flag => flag,
            string text => bool.TryParse(text, out var flag) ? flag : null,
            _ => null,
        };

    /// <summary>It as a number, finite or not.</summary>
    public double? Number =>
        Value switch
        {
            double number => number,
            decimal number => (double)number,
            string text => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null,
            _ => null,
        };
}
