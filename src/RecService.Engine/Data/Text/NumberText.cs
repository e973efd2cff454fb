using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace RecService.Engine.Data.Text;

/// <summary>Reads the numbers of sparse text, which a blank, <c>#</c> or the line's end terminates, and an index a colon.</summary>
internal static class NumberText
{
    private static readonly SearchValues<byte> Characters = SearchValues.Create("0123456789+-.eE"u8);

    private static ReadOnlySpan<double> PowersOfTen =>
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22];

    /// <summary>Whether <paramref name="character"/> ends a number.</summary>
    public static bool IsEnd(byte character) => character is (byte)' ' or (byte)'\t' or (byte)'#';

    /// <summary>
    /// Reads a whole number up to <paramref name="maximum"/> and the colon behind it; where that fails, <paramref name="at"/> means nothing.
    /// </summary>
    public static bool TryReadIndex(ReadOnlySpan<byte> line, int maximum, ref int at, out int index)
    {
        if (at + sizeof(ulong) <= line.Length)
        {
            // Eight characters at once, because processors mispredict where a loop over digits ends: those before the first that is none are moved
            // up, with zeros
            // below them, and then summed in pairs, fours and eights (Lemire, "Quickly parsing eight digits", 2018).
            var digits = BinaryPrimitives.ReadUInt64LittleEndian(line[at..]) ^ 0x3030_3030_3030_3030;
            var count = BitOperations.TrailingZeroCount(((digits + 0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080) / 8;
            if (count is > 0 and < 8)
            {
                digits <<= 64 - (8 * count);
                digits = (10 * digits) + (digits >> 8);
                index = (int)(
                    (((digits & 0x0000_00FF_0000_00FF) * 0x000F_4240_0000_0064) + (((digits >> 16) & 0x0000_00FF_0000_00FF) * 0x0000_2710_0000_0001))
                    >> 32
                );
                at += count + 1;
                return index <= maximum && line[at - 1] == ':';
            }
        }

        var start = at;
        var number = 0L;
        uint digit;
        while ((uint)at < (uint)line.Length && (digit = line[at] - (uint)'0') <= 9)
        {
            number = (10 * number) + digit;
            if (number > maximum)
            {
                break;
            }

            at++;
        }

        index = (int)number;
        return at > start && (uint)at < (uint)line.Length && line[at++] == ':';
    }

    /// <summary>
    /// Reads a finite number: an optional sign, digits with an optional point, and an optional exponent. The result is the nearest float, as
    /// <see cref="float.Parse(string)"/> gives it. Where that fails, <paramref name="at"/> stays.
    /// </summary>
    public static bool TryReadFloat(ReadOnlySpan<byte> line, ref int at, out float value)
    {
        // Most values are a single digit.
        if ((at + 1 == line.Length || (at + 1 < line.Length && IsEnd(line[at + 1]))) && line[at] - (uint)'0' is <= 9 and var single)
        {
            value = single;
            at++;
            return true;
        }

        var next = at;
        var negative = false;
        if ((uint)next < (uint)line.Length && line[next] is (byte)'-' or (byte)'+')
        {
            negative = line[next++] == '-';
        }

        var start = next;
        var digits = ReadDigits(line, ref next, 0);
        var count = next - start;
        var power = 0;
        if ((uint)next < (uint)line.Length && line[next] == '.')
        {
            start = ++next;
            digits = ReadDigits(line, ref next, digits);
            power = start - next;
            count -= power;
        }

        var known = count is > 0 and <= 19;
        if ((uint)next < (uint)line.Length && line[next] is (byte)'e' or (byte)'E')
        {
            known &= TryReadExponent(line, ref next, ref power);
        }

        if (known && (next == line.Length || IsEnd(line[next])) && TryRound(digits, power, out value))
        {
            value = negative ? -value : value;
            at = next;
            return true;
        }

        return TryReadAnyFloat(line, ref at, out value);
    }

    private static ulong ReadDigits(ReadOnlySpan<byte> line, ref int at, ulong digits)
    {
        uint digit;
        while ((uint)at < (uint)line.Length && (digit = line[at] - (uint)'0') <= 9)
        {
            digits = (10 * digits) + digit;
            at++;
        }

        return digits;
    }

    private static bool TryReadExponent(ReadOnlySpan<byte> line, ref int at, ref int power)
    {
        at++;
        var negative = false;
        if ((uint)at < (uint)line.Length && line[at] is (byte)'-' or (byte)'+')
        {
            negative = line[at++] == '-';
        }

        var start = at;
        var exponent = (int)ReadDigits(line, ref at, 0);
        power += negative ? -exponent : exponent;
        return at - start is > 0 and <= 4;
    }

    /// <summary>
    /// The float nearest to digits · 10^power, where two roundings give it: the first to a double, from two numbers that are exact in one (Clinger,
    /// 1990).
    /// </summary>
    private static bool TryRound(ulong digits, int power, out float value)
    {
        value = 0;
        if (digits > 1UL << 53 || power is < -22 or > 22)
        {
            return false;
        }

        var nearest = power < 0 ? digits / PowersOfTen[-power] : digits * PowersOfTen[power];
        value = (float)nearest;
        // The second rounding could go astray only from the middle between two floats; those below the smallest normal one have other middles.
        return (BitConverter.DoubleToUInt64Bits(nearest) & 0x1FFF_FFFF) != 0x1000_0000 && (nearest >= 1.17549435e-38 || digits == 0);
    }

    private static bool TryReadAnyFloat(ReadOnlySpan<byte> line, ref int at, out float value)
    {
        var length = line[at..].IndexOfAny((byte)' ', (byte)'\t', (byte)'#') is var end and >= 0 ? end : line.Length - at;
        var text = line.Slice(at, length);
        // The framework's parser also takes words, such as NaN, and NUL characters at the end.
        if (
            text.ContainsAnyExcept(Characters)
            || !float.TryParse(
                text,
                NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
                CultureInfo.InvariantCulture,
                out value
            )
            || !float.IsFinite(value)
        )
        {
            value = 0;
            return false;
        }

        at += length;
        return true;
    }
}
