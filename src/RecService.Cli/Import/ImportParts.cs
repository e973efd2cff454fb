using System.Buffers;
using System.Runtime.CompilerServices;
using CsvHelper;
using RecService.Cli.Commands;
using RecService.Cli.Files;

namespace RecService.Cli.Import;

/// <summary>Reads files in parts of so many rows, each of which is a file of its own.</summary>
internal static class ImportParts
{
    public const string Csv = "text/csv";

    public const string NdJson = "application/x-ndjson";

    public const string Parquet = "application/vnd.apache.parquet";

    /// <summary>The service takes no longer ones.</summary>
    private const int LongestLine = 64 * 1024;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>What a file has in it, by its first character.</summary>
    public static string MediaTypeOf(InputFile file)
    {
        var start = file.Start.AsSpan();
        if (start.StartsWith("PAR1"u8))
        {
            return Parquet;
        }

        start = start.StartsWith(ByteOrderMark) ? start[ByteOrderMark.Length..] : start;
        return start.TrimStart(" \t\r\n"u8) is [(byte)'{', ..] ? NdJson : Csv;
    }

    public static IAsyncEnumerable<ImportPart> ReadAsync(InputFile file, string mediaType, int rows, CancellationToken cancellation) =>
        mediaType switch
        {
            Csv => ReadCsvAsync(file, rows, cancellation),
            NdJson => ReadLines(file.Content, rows).ToAsyncEnumerable(),
            _ => ReadWholeAsync(file.Content, cancellation),
        };

    // Its parts are row groups, which only make a file together.
    private static async IAsyncEnumerable<ImportPart> ReadWholeAsync(
        Stream content,
        [EnumeratorCancellation] CancellationToken cancellation
    )
    {
        using var body = new MemoryStream();
        await content.CopyToAsync(body, cancellation);
        yield return new(new(body.GetBuffer(), 0, (int)body.Length), Position: 0, Lines: []);
    }

    private static async IAsyncEnumerable<ImportPart> ReadCsvAsync(
        InputFile file,
        int rows,
        [EnumeratorCancellation] CancellationToken cancellation
    )
    {
        var options = new CsvReaderOptions
        {
            Separator = ',',
            DetectSeparatorHint = false,
            MaxRecordSize = LongestLine,
            TrackLineNumbers = true,
            HasHeader = false,
            // What is wrong with a row is the service's to say.
            OnMalformedRecord = _ => { },
        };
        await using var reader = CsvReader.Create(file.Content, options, leaveOpen: true);
        if (!await NextAsync())
        {
            yield break;
        }

        var header = reader.RawRecord.ToArray();
        var part = new Builder(header);
        while (await NextAsync())
        {
            part.Add(reader.RawRecord, reader.LineNumber);
            if (part.Count == rows)
            {
                yield return part.Take();
            }
        }

        if (part.Count > 0)
        {
            yield return part.Take();
        }

        async ValueTask<bool> NextAsync()
        {
            try
            {
                return await reader.ReadAsync(cancellation);
            }
            catch (CsvFormatException refusal)
            {
                throw new CommandFailedException(
                    $"{file.Name} has a row longer than {LongestLine / 1024} KiB after line {reader.LineNumber}; perhaps a quotation mark is not closed",
                    refusal
                );
            }
        }
    }

    private static IEnumerable<ImportPart> ReadLines(Stream content, int rows)
    {
        var part = new Builder(header: []);
        var line = new ArrayBufferWriter<byte>();
        var buffer = new byte[128 * 1024];
        var number = 1L;
        int length;
        while ((length = content.Read(buffer)) > 0)
        {
            var rest = buffer.AsMemory(0, length);
            while (rest.Span.IndexOf((byte)'\n') is >= 0 and var end)
            {
                Append(line, rest.Span[..end]);
                if (EndLine(part, line, number++, rows))
                {
                    yield return part.Take();
                }

                rest = rest[(end + 1)..];
            }

            Append(line, rest.Span);
        }

        EndLine(part, line, number, rows);
        if (part.Count > 0)
        {
            yield return part.Take();
        }
    }

    // Of one that is too long, enough for the service to say so.
    private static void Append(ArrayBufferWriter<byte> line, ReadOnlySpan<byte> bytes) =>
        line.Write(bytes[..Math.Min(bytes.Length, Math.Max(0, LongestLine + 2 - line.WrittenCount))]);

    /// <summary>Adds a line to a part, unless it is blank; whether the part is whole then.</summary>
    private static bool EndLine(Builder part, ArrayBufferWriter<byte> line, long number, int rows)
    {
        var isBlank = line.WrittenSpan.Trim(" \t\r"u8).IsEmpty;
        if (!isBlank)
        {
            part.Add(line.WrittenSpan, number);
        }

        line.ResetWrittenCount();
        return !isBlank && part.Count == rows;
    }

    private sealed class Builder
    {
        private readonly byte[] _header;
        private readonly int _headerLines;
        private readonly ArrayBufferWriter<byte> _body = new();
        private List<(long InFile, long InPart)> _lines = [];
        private long _position;
        private long _line;

        public Builder(byte[] header)
        {
            _header = header.Length == 0 ? [] : [.. header.AsSpan().TrimEnd("\r\n"u8), (byte)'\n'];
            _headerLines = _header.AsSpan().Count((byte)'\n');
            Begin();
        }

        public int Count => _lines.Count;

        public void Add(ReadOnlySpan<byte> row, long line)
        {
            var text = row.TrimEnd("\r\n"u8);
            _lines.Add((line, _line));
            _body.Write(text);
            _body.Write("\n"u8);
            _line += 1 + text.Count((byte)'\n');
        }

        public ImportPart Take()
        {
            var part = new ImportPart(_body.WrittenSpan.ToArray(), _position, _lines);
            _position += _lines.Count;
            Begin();
            return part;
        }

        private void Begin()
        {
            _lines = [];
            _line = 1 + _headerLines;
            _body.ResetWrittenCount();
            _body.Write(_header);
        }
    }
}
