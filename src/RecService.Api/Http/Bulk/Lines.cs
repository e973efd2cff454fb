using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace RecService.Api.Http.Bulk;

/// <summary>Lines of a body, one after the other, in a bounded amount of memory.</summary>
internal static class Lines
{
    public const int MaxLength = 64 * 1024;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>
    /// Reads lines ended by LF or CRLF; blank ones are left out, but count. A line's text is valid until the next one is asked for.
    /// </summary>
    public static async IAsyncEnumerable<Line> ReadAsync(PipeReader reader, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var number = 0L;
        var skipping = false;
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken);
            var buffer = result.Buffer;
            try
            {
                while (buffer.PositionOf((byte)'\n') is { } newline)
                {
                    var text = buffer.Slice(0, newline);
                    buffer = buffer.Slice(buffer.GetPosition(1, newline));
                    number++;
                    if (Make(number, text, skipping) is { } line)
                    {
                        yield return line;
                    }

                    skipping = false;
                }

                if (result.IsCompleted)
                {
                    if (Make(number + 1, buffer, skipping) is { } line)
                    {
                        yield return line;
                    }

                    buffer = buffer.Slice(buffer.End);
                    yield break;
                }

                // What is kept of a line that is too long already is nothing.
                skipping |= buffer.Length > MaxLength;
                buffer = skipping ? buffer.Slice(buffer.End) : buffer;
            }
            finally
            {
                // Also when nobody asks for further lines: the connection is to serve the next request.
                reader.AdvanceTo(buffer.Start, result.Buffer.End);
            }
        }
    }

    private static Line? Make(long number, ReadOnlySequence<byte> text, bool skipped)
    {
        if (skipped || text.Length > MaxLength)
        {
            return new(number, default, TooLong: true);
        }

        var memory = text.IsSingleSegment ? text.First : text.ToArray();
        if (number == 1 && memory.Span.StartsWith(ByteOrderMark))
        {
            memory = memory[ByteOrderMark.Length..];
        }

        var trimmed = memory.Trim(" \t\r"u8);
        return trimmed.IsEmpty ? null : new(number, trimmed, TooLong: false);
    }
}

internal readonly record struct Line(long Number, ReadOnlyMemory<byte> Text, bool TooLong);
