using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace RecService.Api.Scoring;

/// <summary>
/// The items that the former pages of a list have shown, and by which model: what a page goes on from, as a text that callers keep. It names the
/// items themselves, as a place in the ranking would not be the same place once the user's history, popularity or the catalogue has changed.
/// </summary>
/// <param name="modelVersion">The model that ranked; null when popularity did.</param>
/// <param name="itemKeys">The keys of the items, ascending.</param>
internal sealed class ServedItems(long? modelVersion, IReadOnlyList<long> itemKeys)
{
    /// <summary>How many items the pages of a list have together at most.</summary>
    public const int Deepest = 1_000;

    /// <summary>Why a text is refused.</summary>
    public const string NotOurs = "is not one that an answer to the same user gave";

    private const int ChecksumBytes = 8;
    private const int MostNumberBytes = 9;
    private const int MostChars = (ChecksumBytes + (Deepest * MostNumberBytes)) * 4 / 3;

    /// <summary>Before the first page.</summary>
    public static ServedItems None { get; } = new(modelVersion: null, []);

    public long? ModelVersion => modelVersion;

    public IReadOnlyList<long> ItemKeys => itemKeys;

    /// <summary>What a text says; null when no answer to that user can have given it.</summary>
    public static ServedItems? Read(string text, string? userId)
    {
        if (text.Length > MostChars || !Base64Url.IsValid(text) || Base64Url.DecodeFromChars(text) is not { Length: > ChecksumBytes } bytes)
        {
            return null;
        }

        var numbers = bytes.AsSpan(ChecksumBytes);
        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Checksum(userId, numbers) || !TryReadNumber(ref numbers, out var version))
        {
            return null;
        }

        var keys = new List<long>();
        var key = 0L;
        while (numbers.Length > 0)
        {
            if (!TryReadNumber(ref numbers, out var step) || step == 0 || step > long.MaxValue - key || keys.Count == Deepest - 1)
            {
                return null;
            }

            keys.Add(key += step);
        }

        var served = new ServedItems(version == 0 ? null : version, keys);
        // Numbers can be written in several ways, of which one is ours.
        return keys.Count > 0 && served.Write(userId) == text ? served : null;
    }

    /// <summary>The text of what comes after a page that was added to these; null when that is as deep as pages go.</summary>
    public string? After(long? version, string? userId, IEnumerable<long> page)
    {
        long[] keys = [.. itemKeys, .. page];
        Array.Sort(keys);
        return keys.Length < Deepest ? new ServedItems(version, keys).Write(userId) : null;
    }

    private string Write(string? userId)
    {
        var bytes = new List<byte>(ChecksumBytes + (2 * (itemKeys.Count + 1)));
        bytes.AddRange(new byte[ChecksumBytes]);
        WriteNumber(bytes, modelVersion ?? 0);
        var last = 0L;
        foreach (var key in itemKeys)
        {
            WriteNumber(bytes, key - last);
            last = key;
        }

        byte[] text = [.. bytes];
        BinaryPrimitives.WriteUInt64LittleEndian(text, Checksum(userId, text.AsSpan(ChecksumBytes)));
        return Base64Url.EncodeToString(text);
    }

    // Seven bits a byte, the lowest first, as keys lie close to each other.
    private static void WriteNumber(List<byte> bytes, long number)
    {
        for (; number > 0x7F; number >>= 7)
        {
            bytes.Add((byte)(number | 0x80));
        }

        bytes.Add((byte)number);
    }

    private static bool TryReadNumber(ref Span<byte> bytes, out long number)
    {
        number = 0;
        for (var i = 0; i < Math.Min(bytes.Length, MostNumberBytes); i++)
        {
            number |= (long)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] <= 0x7F)
            {
                bytes = bytes[(i + 1)..];
                return true;
            }
        }

        return false;
    }

    // Against accidents, such as the page of another user: whoever makes one up leaves out items, as the filter of any request may.
    private static ulong Checksum(string? userId, ReadOnlySpan<byte> numbers)
    {
        byte[] user = userId is null ? [] : [1, .. Encoding.UTF8.GetBytes(userId)];
        return BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData([.. BitConverter.GetBytes(user.Length), .. user, .. numbers]));
    }
}
