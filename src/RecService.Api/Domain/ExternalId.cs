using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace RecService.Api.Domain;

/// <summary>
/// An id of the caller's in a path. Routing gets path segments as they were sent, and this type unescapes them, once.
/// (Ids in a query or a body are plain strings, already decoded: check those with <see cref="Problem"/>.)
/// </summary>
internal readonly record struct ExternalId(string Value) : IParsable<ExternalId>
{
    public const int MaxLength = 256;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Why the text is no id; null when it is one.</summary>
    public static string? Problem(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return "is required";
        }

        return TextProblem(text, MaxLength);
    }

    /// <summary>Why the text is unfit to be stored; null when it is fit.</summary>
    public static string? TextProblem(string text, int maxLength)
    {
        var length = 0;
        for (var i = 0; i < text.Length; i++, length++)
        {
            var character = text[i];
            if (char.IsControl(character))
            {
                return string.Create(CultureInfo.InvariantCulture, $"holds the control character U+{(int)character:X4}");
            }

            if (char.IsSurrogate(character))
            {
                if (!char.IsHighSurrogate(character) || i + 1 == text.Length || !char.IsLowSurrogate(text[i + 1]))
                {
                    return "is no valid Unicode text";
                }

                i++;
            }
        }

        return length > maxLength ? string.Create(CultureInfo.InvariantCulture, $"is longer than {maxLength} characters") : null;
    }

    /// <summary>The id as one segment of a path.</summary>
    public static string ToPathSegment(string id) => id is "." or ".." ? id.Replace(".", "%2E", StringComparison.Ordinal) : Uri.EscapeDataString(id);

    public static ExternalId Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out var id) ? id : throw new FormatException("The text is no escaped id.");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out ExternalId result)
    {
        result = s is not null && Unescape(s) is { } text && Problem(text) is null ? new(text) : default;
        return result.Value is not null;
    }

    public override string ToString() => Value;

    // Uri.UnescapeDataString leaves a malformed escape as it is, and two texts would be the same id.
    private static string? Unescape(string escaped)
    {
        if (!escaped.Contains('%', StringComparison.Ordinal))
        {
            return escaped;
        }

        try
        {
            var source = Strict.GetBytes(escaped);
            var bytes = new byte[source.Length];
            var length = 0;
            for (var i = 0; i < source.Length; i++)
            {
                if (source[i] != '%')
                {
                    bytes[length++] = source[i];
                }
                else if (i + 2 < source.Length && char.IsAsciiHexDigit((char)source[i + 1]) && char.IsAsciiHexDigit((char)source[i + 2]))
                {
                    bytes[length++] = byte.Parse(source.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                    i += 2;
                }
                else
                {
                    return null;
                }
            }

            return Strict.GetString(bytes, 0, length);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
