using System.Buffers.Binary;
using System.Text;
using Npgsql;

namespace RecService.Api.Storage;

/// <summary>
/// Rows into a binary COPY, encoded into a buffer, which is sent while the next one is filled: where there are millions of them, an await for each value
/// is what takes the time.
/// </summary>
/// <remarks>
/// <code>
/// copy.BeginRow();
/// copy.Int64(…);
/// await copy.EndRowAsync(cancellationToken);
/// …
/// await copy.CompleteAsync(cancellationToken);
/// </code>
/// </remarks>
internal sealed class CopyWriter : IAsyncDisposable
{
    /// <summary>A buffer is sent when it has as much; a row goes beyond it.</summary>
    private const int FullBuffer = 1 << 17;

    private const int MaxBytesOfChar = 3;
    private const int TextType = 25;
    private const int NullLength = -1;
    private const short EndOfRows = -1;
    private const byte JsonbVersion = 1;

    /// <summary>Signature, flags and the length of what a later format may add.</summary>
    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8, .. new byte[sizeof(int) + sizeof(int)]];

    private static readonly DateTimeOffset PostgresEpoch = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly NpgsqlRawCopyStream _stream;
    private readonly short _columns;
    private readonly TimeSpan _patience;
    private byte[] _buffer = new byte[2 * FullBuffer];
    private byte[] _sent = new byte[2 * FullBuffer];
    private int _length;
    private Task _sending = Task.CompletedTask;
    private bool _hasEnded;

    private CopyWriter(NpgsqlRawCopyStream stream, short columns, TimeSpan patience)
    {
        _stream = stream;
        _columns = columns;
        _patience = patience;
        Header.CopyTo(Take(Header.Length));
    }

    /// <param name="connection">The connection, which is busy until the rows are complete, or the writer is disposed of.</param>
    /// <param name="table">Where the rows go, with its columns in parentheses.</param>
    /// <param name="columns">Number of the columns.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public static async Task<CopyWriter> BeginAsync(NpgsqlConnection connection, string table, int columns, CancellationToken cancellationToken)
    {
        var stream = await connection.BeginRawBinaryCopyAsync($"COPY {table} FROM STDIN (FORMAT BINARY)", cancellationToken);
        var patience = connection.CommandTimeout == 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(connection.CommandTimeout);
        return new(stream, checked((short)columns), patience);
    }

    /// <summary>Begins a row, of which all columns have to be written, in their order.</summary>
    public void BeginRow() => BinaryPrimitives.WriteInt16BigEndian(Take(sizeof(short)), _columns);

    public void Null() => Int32(NullLength);

    /// <summary>A <c>bigint</c>.</summary>
    public void Int64(long value)
    {
        Int32(sizeof(long));
        BinaryPrimitives.WriteInt64BigEndian(Take(sizeof(long)), value);
    }

    /// <summary>A <c>double precision</c>.</summary>
    public void Double(double value)
    {
        Int32(sizeof(double));
        BinaryPrimitives.WriteDoubleBigEndian(Take(sizeof(double)), value);
    }

    /// <summary>A <c>timestamp with time zone</c>, to the microsecond.</summary>
    public void Time(DateTimeOffset value) => Int64((value - PostgresEpoch).Ticks / TimeSpan.TicksPerMicrosecond);

    /// <summary>A <c>text</c>.</summary>
    public void Text(string value)
    {
        var start = BeginValue();
        Utf8(value);
        EndValue(start);
    }

    /// <summary>A <c>jsonb</c>.</summary>
    public void Json(string value)
    {
        var start = BeginValue();
        Take(1)[0] = JsonbVersion;
        Utf8(value);
        EndValue(start);
    }

    /// <summary>A <c>text[]</c>.</summary>
    public void Texts(string[] values)
    {
        // Dimensions, whether there are nulls, type of the elements; then of each dimension its length and lower bound.
        var start = BeginValue();
        Int32(values.Length == 0 ? 0 : 1);
        Int32(0);
        Int32(TextType);
        if (values.Length > 0)
        {
            Int32(values.Length);
            Int32(1);
            foreach (var value in values)
            {
                Text(value);
            }
        }

        EndValue(start);
    }

    /// <summary>Ends a row, and waits where those before are not sent yet.</summary>
    public ValueTask EndRowAsync(CancellationToken cancellationToken) => _length < FullBuffer ? ValueTask.CompletedTask : FlushAsync(cancellationToken);

    /// <summary>Ends the COPY, with all rows in the table.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        BinaryPrimitives.WriteInt16BigEndian(Take(sizeof(short)), EndOfRows);
        await FlushAsync(cancellationToken);
        await _sending;
        _hasEnded = true;
        await _stream.DisposeAsync();
    }

    /// <summary>Takes the rows back that are not complete.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_hasEnded)
        {
            return;
        }

        _hasEnded = true;
        await _sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_sending.IsCompletedSuccessfully)
        {
            await _stream.CancelAsync();
        }
    }

    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await _sending;
        (_buffer, _sent) = (_sent, _buffer);
        _sending = SendAsync(_sent.AsMemory(0, _length), cancellationToken);
        _length = 0;
    }

    private async Task SendAsync(ReadOnlyMemory<byte> rows, CancellationToken cancellationToken)
    {
        // What is longer than Npgsql's own buffer, it sends without a limit, and tells of a cancellation as of any other failure.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_patience);
        try
        {
            await _stream.WriteAsync(rows, patience.Token);
        }
        catch (Exception exception) when (patience.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new NpgsqlException("The database takes no rows.", new TimeoutException(exception.Message, exception));
        }
    }

    private int BeginValue()
    {
        Int32(0);
        return _length;
    }

    private void EndValue(int start) => BinaryPrimitives.WriteInt32BigEndian(_buffer.AsSpan(start - sizeof(int)), _length - start);

    private void Int32(int value) => BinaryPrimitives.WriteInt32BigEndian(Take(sizeof(int)), value);

    private void Utf8(string value)
    {
        Reserve(MaxBytesOfChar * value.Length);
        _length += Encoding.UTF8.GetBytes(value, _buffer.AsSpan(_length));
    }

    private Span<byte> Take(int length)
    {
        Reserve(length);
        _length += length;
        return _buffer.AsSpan(_length - length, length);
    }

    private void Reserve(int length)
    {
        if (_buffer.Length - _length < length)
        {
            Array.Resize(ref _buffer, Math.Max(2 * _buffer.Length, _length + length));
        }
    }
}
