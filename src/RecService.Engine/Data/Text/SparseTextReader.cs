using System.Globalization;
using System.Text;

namespace RecService.Engine.Data.Text;

/// <summary>The text formats of sparse rows: a line a row, the target first, then entries, with blanks between them.</summary>
public enum SparseTextFormat
{
    /// <summary><c>target index:value …</c>, the format of libFM (Rendle, 2012), LIBSVM (Chang and Lin, 2011) and SVMlight.</summary>
    LibFm,

    /// <summary><c>target field:index:value …</c>, the format of libffm (Juan et al., 2016).</summary>
    LibFfm,
}

/// <summary>Reads sparse rows from text, one after the other, with no more memory than the longest row takes. Not thread-safe.</summary>
/// <remarks>
/// <para>Lines end with LF or CRLF, the last one need not. Any number of blanks and tabs stands between the parts of a row, and may stand before and
/// behind them.
/// What follows a <c>#</c> is a comment. Lines without anything else are skipped, and so is a byte order mark at the start.</para>
/// <para>Targets and values are decimal numbers, with an optional sign and exponent, and become the nearest float; they must be finite. Indices and
/// fields are
/// decimal whole numbers. A row may have no entries, entries may come in any order, and an index may stand in a row twice (see
/// <see cref="SparseRow"/>).
/// Nothing may be left out of an entry. The first entry of the file tells the format, unless the caller does. Groups (<c>qid:</c>) are
/// refused.</para>
/// <para>A file of one number a line, such as weights, reads as rows that have a target only.</para>
/// </remarks>
public sealed class SparseTextReader
{
    /// <summary>The largest index.</summary>
    public const int MaximumIndex = int.MaxValue - 2;

    /// <summary>The largest field number.</summary>
    public const int MaximumField = ushort.MaxValue;

    /// <summary>The longest line, in bytes; more than four million entries.</summary>
    public const int MaximumLineLength = 64 * 1024 * 1024;

    private readonly Stream _stream;
    private readonly string _name;
    private byte[] _buffer = new byte[64 * 1024];
    private int _next;
    private int _end;
    private bool _ended;
    private int[] _fields = new int[16];
    private int[] _indices = new int[16];
    private float[] _values = new float[16];
    private int _count;

    /// <param name="stream">The text in UTF-8; read forwards to its end, and left open. Its own exceptions pass through.</param>
    /// <param name="name">What messages call the text, such as the file's name.</param>
    /// <param name="format">The format, when known; else the first entry tells it.</param>
    public SparseTextReader(Stream stream, string name, SparseTextFormat? format = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(name);
        _stream = stream;
        _name = name;
        Format = format is null || Enum.IsDefined(format.Value) ? format : throw new ArgumentOutOfRangeException(nameof(format));
    }

    /// <summary>The format; null as long as it is not known.</summary>
    public SparseTextFormat? Format { get; private set; }

    /// <summary>Line of the current row, the first being 1.</summary>
    public long Line { get; private set; }

    /// <summary>Target of the current row.</summary>
    public float Target { get; private set; }

    /// <summary>Field number of each entry of the current row; empty in the format that has none. Valid until the next row is read.</summary>
    public ReadOnlySpan<int> Fields => Format == SparseTextFormat.LibFfm ? _fields.AsSpan(0, _count) : default;

    /// <summary>Index of each entry of the current row.</summary>
    public ReadOnlySpan<int> Indices => _indices.AsSpan(0, _count);

    /// <summary>Value of each entry of the current row.</summary>
    public ReadOnlySpan<float> Values => _values.AsSpan(0, _count);

    /// <summary>Goes to the next row.</summary>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="DataFormatException">The text is not understood.</exception>
    public bool Read()
    {
        while (TryReadLine(out var line))
        {
            if (Line == 1 && line.StartsWith("\uFEFF"u8))
            {
                line = line[3..];
            }

            var at = SkipBlanks(line, 0);
            if (at < line.Length && line[at] != '#')
            {
                ReadRow(line, at);
                return true;
            }
        }

        return false;
    }

    /// <summary>The exception for something wrong with the current row.</summary>
    internal DataFormatException Refusal(string reason, int at = 0) => new(_name, Line, at + 1, reason);

    private void ReadRow(ReadOnlySpan<byte> line, int at)
    {
        var start = at;
        if (!NumberText.TryReadFloat(line, ref at, out var target))
        {
            throw BadNumber("target", Word(line, start), start);
        }

        Target = target;
        var count = 0;
        var withField = Format == SparseTextFormat.LibFfm;
        while ((at = SkipBlanks(line, at)) < line.Length && line[at] != '#')
        {
            start = at;
            if (Format is null)
            {
                withField = Word(line, at).Count((byte)':') == 2;
                Format = withField ? SparseTextFormat.LibFfm : SparseTextFormat.LibFm;
            }

            var field = 0;
            if (
                (withField && !NumberText.TryReadIndex(line, MaximumField, ref at, out field))
                || !NumberText.TryReadIndex(line, MaximumIndex, ref at, out var index)
                || !NumberText.TryReadFloat(line, ref at, out var value)
            )
            {
                throw BadEntry(Word(line, start), start);
            }

            if (count == _indices.Length)
            {
                Grow();
            }

            _fields[count] = field;
            _indices[count] = index;
            _values[count++] = value;
        }

        _count = count;
    }

    private DataFormatException BadEntry(ReadOnlySpan<byte> entry, int start)
    {
        if (entry.StartsWith("qid:"u8))
        {
            return Refusal("groups of rows (qid) are not supported.", start);
        }

        var withField = Format == SparseTextFormat.LibFfm;
        if (entry.Count((byte)':') != (withField ? 2 : 1))
        {
            return Refusal($"the entry '{Quote(entry)}' is not of the form {(withField ? "field:index:value" : "index:value")}.", start);
        }

        var at = 0;
        if (withField && !NumberText.TryReadIndex(entry, MaximumField, ref at, out _))
        {
            return BadIndex("field", entry[..entry.IndexOf((byte)':')], MaximumField, start);
        }

        var index = at;
        if (!NumberText.TryReadIndex(entry, MaximumIndex, ref at, out _))
        {
            return BadIndex("index", entry[index..entry.LastIndexOf((byte)':')], MaximumIndex, start + index);
        }

        return BadNumber("value", entry[at..], start + at);
    }

    private DataFormatException BadIndex(string what, ReadOnlySpan<byte> text, int maximum, int start) =>
        Refusal(FormattableString.Invariant($"the {what} '{Quote(text)}' is not a whole number from 0 to {maximum}."), start);

    private DataFormatException BadNumber(string what, ReadOnlySpan<byte> text, int start)
    {
        var infinite = float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && !float.IsFinite(number);
        return Refusal($"the {what} '{Quote(text)}' is not a {(infinite ? "finite " : string.Empty)}number.", start);
    }

    private static int SkipBlanks(ReadOnlySpan<byte> line, int at)
    {
        while ((uint)at < (uint)line.Length && line[at] is (byte)' ' or (byte)'\t')
        {
            at++;
        }

        return at;
    }

    /// <summary>What stands from <paramref name="start"/> to the next blank, comment or line end.</summary>
    private static ReadOnlySpan<byte> Word(ReadOnlySpan<byte> line, int start)
    {
        var length = 0;
        while (start + length < line.Length && !NumberText.IsEnd(line[start + length]))
        {
            length++;
        }

        return line.Slice(start, length);
    }

    private static string Quote(ReadOnlySpan<byte> text)
    {
        const int Longest = 40;
        var quoted = Encoding.UTF8.GetString(text[..Math.Min(text.Length, Longest)]).Select(c => char.IsControl(c) ? '\uFFFD' : c);
        return string.Concat(quoted) + (text.Length > Longest ? "…" : string.Empty);
    }

    private void Grow()
    {
        var size = 2 * _indices.Length;
        Array.Resize(ref _fields, size);
        Array.Resize(ref _indices, size);
        Array.Resize(ref _values, size);
    }

    /// <summary>The next line, without its end.</summary>
    private bool TryReadLine(out ReadOnlySpan<byte> line)
    {
        var searched = 0;
        int length;
        while ((length = _buffer.AsSpan(_next + searched, _end - _next - searched).IndexOf((byte)'\n')) < 0)
        {
            searched = _end - _next;
            if (_ended || searched > MaximumLineLength)
            {
                break;
            }

            Fill();
        }

        length = searched + Math.Max(length, 0);
        if (length > MaximumLineLength)
        {
            throw new DataFormatException(_name, Line + 1, 1, FormattableString.Invariant($"the line is longer than {MaximumLineLength} bytes."));
        }

        line = _buffer.AsSpan(_next, length);
        if (_ended && _next == _end)
        {
            return false;
        }

        _next = Math.Min(_next + length + 1, _end);
        Line++;
        if (!line.IsEmpty && line[^1] == '\r')
        {
            line = line[..^1];
        }

        return true;
    }

    /// <summary>Moves what is left to the front and reads more behind it.</summary>
    private void Fill()
    {
        var left = _end - _next;
        var buffer = left > _buffer.Length / 2 ? new byte[2 * _buffer.Length] : _buffer;
        _buffer.AsSpan(_next, left).CopyTo(buffer);
        _buffer = buffer;
        _next = 0;
        _end = left;
        var read = _stream.Read(_buffer, left, _buffer.Length - left);
        _end += read;
        _ended = read == 0;
    }
}
