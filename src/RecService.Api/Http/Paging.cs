using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace RecService.Api.Http;

/// <summary>Pages of a list: a limit, and an opaque cursor that holds the place where the next page starts.</summary>
internal static class Paging
{
    public const int DefaultLimit = 100;

    public const int MaxLimit = 1000;

    private const int ChecksumLength = 6;

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
                return Encoding.UTF8.GetString(place);
            }
        }

        errors.Add("cursor", "is not one that this list gave");
        return null;
    }

    /// <summary>As <see cref="After"/>, for lists that are ordered by a key.</summary>
    public static long? AfterKey(FieldErrors errors, string list, string? cursor) =>
        After(errors, list, cursor) is { } place ? long.Parse(place, CultureInfo.InvariantCulture) : null;

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
