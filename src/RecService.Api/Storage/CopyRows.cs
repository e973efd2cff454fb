using System.Buffers.Binary;
using System.Text;
using Npgsql;

namespace RecService.Api.Storage;

/// <summary>
/// Rows of a binary COPY, read a buffer at a time: where there are millions of them, an await for each value is what takes the time.
/// </summary>
/// <remarks>
/// <code>
/// while (await rows.FillAsync(cancellationToken))
///     while (rows.Next())
///         … rows.Int64(0) …
/// </code>
/// </remarks>
internal sealed class CopyRows : IAsyncDisposable
{
    /// <summary>Of the format: signature, flags and the length of what a later format may add.</summary>
    private const int HeaderLength = 11 + sizeof(int) + sizeof(int);

    private const int FirstBufferLength = 1 << 18;

    private static readonly long PostgresEpoch = (long)(new DateTime(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc) - DateTime.UnixEpoch).TotalMicroseconds;

    private readonly NpgsqlRawCopyStream _stream;
    private readonly int[] _offsets;
    private readonly int[] _lengths;
    private byte[] _buffer = new byte[FirstBufferLength];
    private int _position;
    private int _filled;
    private bool _isHeaderRead;
    private bool _hasEnded;
    private bool _isOver;

    private CopyRows(NpgsqlRawCopyStream stream, int columns)
    {
        _stream = stream;
        _offsets = new int[columns];
        _lengths = new int[columns];
    }

    /// <param name="connection">The connection, which is busy until the rows are disposed of.</param>
    /// <param name="query">What is copied, without <c>COPY</c>.</param>
    /// <param name="columns">Number of its columns.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public static async Task<CopyRows> BeginAsync(NpgsqlConnection connection, string query, int columns, CancellationToken cancellationToken)
    {
        var stream = await connection.BeginRawBinaryCopyAsync($"COPY ({query}) TO STDOUT (FORMAT BINARY)", cancellationToken);
        stream.ReadTimeout = (int)Statements.Unhurried.TotalMilliseconds;
        return new(stream, columns);
    }

    /// <summary>Waits for rows; false when there are no more.</summary>
    /// <exception cref="InvalidDataException">What comes is no binary COPY, or has other columns.</exception>
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_isOver)
        {
            return false;
        }

        if (_hasEnded)
        {
            throw new InvalidDataException("What the database sent ends within a row.");
        }

        _buffer.AsSpan(_position.._filled).CopyTo(_buffer);
        (_position, _filled) = (0, _filled - _position);
        if (_filled == _buffer.Length)
        {
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        }

        // A read gives what one message has, which is one row.
        for (var least = _filled + ((_buffer.Length - _filled) / 2); _filled <= least;)
        {
            var read = await _stream.ReadAsync(_buffer.AsMemory(_filled), cancellationToken);
            if (read == 0)
            {
                _hasEnded = true;
                break;
            }

            _filled += read;
        }

        if (!_isHeaderRead)
        {
            ReadHeader();
        }

        return _filled > _position;
    }

    /// <summary>Goes to the next row, if all of it is there.</summary>
    public bool Next()
    {
        var at = _position;
        if (_isOver || _filled - at < sizeof(short))
        {
            return false;
        }

        var columns = BinaryPrimitives.ReadInt16BigEndian(_buffer.AsSpan(at));
        at += sizeof(short);
        if (columns == -1)
        {
            _isOver = true;
            return false;
        }

        if (columns != _offsets.Length)
        {
            throw new InvalidDataException($"A row of COPY has {columns} columns; {_offsets.Length} are expected.");
        }

        for (var column = 0; column < columns; column++)
        {
            if (_filled - at < sizeof(int))
            {
                return false;
            }

            var length = BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(at));
            at += sizeof(int);
            (_offsets[column], _lengths[column]) = (at, length);
            at += Math.Max(0, length);
            if (at > _filled)
            {
                return false;
            }
        }

        _position = at;
        return true;
    }

    /// <summary>Whether a column of the row is null.</summary>
    public bool IsNull(int column) => _lengths[column] < 0;

    /// <summary>A <c>bigint</c>.</summary>
    public long Int64(int column) => BinaryPrimitives.ReadInt64BigEndian(Bytes(column));

    /// <summary>A <c>double precision</c>, or null.</summary>
    public double? NullableDouble(int column) => IsNull(column) ? null : BinaryPrimitives.ReadDoubleBigEndian(Bytes(column));

    /// <summary>A <c>timestamp with time zone</c> in seconds since 1970, to the microsecond.</summary>
    public double Seconds(int column) => (PostgresEpoch + Int64(column)) / 1e6;

    /// <summary>A text in UTF-8; valid until the next row.</summary>
    public ReadOnlySpan<byte> Bytes(int column) => _buffer.AsSpan(_offsets[column], _lengths[column]);

    /// <summary>A <c>text</c>.</summary>
    public string Text(int column) => Encoding.UTF8.GetString(Bytes(column));

    /// <summary>A <c>text[]</c> of one dimension, without nulls.</summary>
    public string[] Texts(int column)
    {
        // Dimensions, whether there are nulls, type of the elements; then of each dimension its length and lower bound.
        var array = Bytes(column);
        if (BinaryPrimitives.ReadInt32BigEndian(array) == 0)
        {
            return [];
        }

        var texts = new string[BinaryPrimitives.ReadInt32BigEndian(array[(3 * sizeof(int))..])];
        var rest = array[(5 * sizeof(int))..];
        for (var i = 0; i < texts.Length; i++)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(rest);
            texts[i] = Encoding.UTF8.GetString(rest.Slice(sizeof(int), length));
            rest = rest[(sizeof(int) + length)..];
        }

        return texts;
    }

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private void ReadHeader()
    {
        if (_filled < HeaderLength || !_buffer.AsSpan().StartsWith("PGCOPY\n"u8))
        {
            throw new InvalidDataException("What the database sent is no binary COPY.");
        }

        _position = HeaderLength + BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(HeaderLength - sizeof(int)));
        _isHeaderRead = true;
    }
}
