using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using RecService.Api.Domain;

namespace RecService.Api.Http.Queries;

/// <summary>Pages of a list: a limit, and an opaque cursor that holds the place where the next page starts.</summary>
internal static class Paging
{
    public const int DefaultLimit = 100;

    public const int MaxLimit = 1000;

    private const int ChecksumLength = 6;

    private const string NotOurs = "is not one that this list gave";

    public static int Limit(FieldErrors errors, int? limit)
    {
        if (limit is < 1 or > MaxLimit)
        {
            errors.Add("limit", string.Create(CultureInfo.InvariantCulture, $"must be from 1 to {MaxLimit}"));
        }

        return limit ?? DefaultLimit;
    }

    /// <summary>The place after which the page starts; null without a cursor.</summary>
    /// <param name="errors">Takes the error of a cursor that this list did not give.</param>
    /// <param name="list">The name of the list, so that no list takes another one's cursor.</param>
    /// <param name="cursor">The cursor that the caller sent.</param>
    public static string? After(FieldErrors errors, string list, string? cursor)
    {
        if (cursor is null)
        {
            return null;
        }

        if (Base64Url.IsValid(cursor) && Base64Url.DecodeFromChars(cursor) is { Length: >= ChecksumLength } bytes)
        {
            var place = bytes.AsSpan(ChecksumLength);
            if (bytes.AsSpan(0, ChecksumLength).SequenceEqual(Checksum(list, place)))
            {
                var text = Encoding.UTF8.GetString(place);
                if (ExternalId.Problem(text) is null)
                {
                    return text;
                }
            }
        }

        errors.Add("cursor", NotOurs);
        return null;
    }

    /// <summary>As <see cref="After"/>, for lists that are ordered by a key.</summary>
    public static long? AfterKey(FieldErrors errors, string list, string? cursor)
    {
        if (After(errors, list, cursor) is not { } place)
        {
            return null;
        }

        if (long.TryParse(place, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var key))
        {
            return key;
        }

        errors.Add("cursor", NotOurs);
        return null;
    }

    public static string Cursor(string list, string place)
    {
        var bytes = Encoding.UTF8.GetBytes(place);
        return Base64Url.EncodeToString([.. Checksum(list, bytes), .. bytes]);
    }

    public static string Cursor(string list, long key) => Cursor(list, key.ToString(CultureInfo.InvariantCulture));

    // Against accidents, not against attackers: a cursor gives access to nothing.
    private static ReadOnlySpan<byte> Checksum(string list, ReadOnlySpan<byte> place) =>
        SHA256.HashData([.. Encoding.UTF8.GetBytes(list), 0, .. place]).AsSpan(0, ChecksumLength);
}
