using System.Data;
using System.Security.Cryptography;
using Npgsql;
using NpgsqlTypes;
using RecService.Api.Storage;

namespace RecService.Api.Models;

/// <summary>Files in a table of chunks: rows of a few megabytes, so that an artifact may be larger than any single value of PostgreSQL.</summary>
internal sealed class Artifacts
{
    private const int ChunkSize = 4 << 20;

    private readonly string _copy;
    private readonly string _select;
    private readonly string _delete;

    private Artifacts(string table, string key)
    {
        Table = table;
        _copy = $"COPY {table} ({key}, chunk_index, data) FROM STDIN (FORMAT BINARY)";
        _select = $"SELECT data FROM {table} WHERE {key} = $1 ORDER BY chunk_index";
        _delete = $"DELETE FROM {table} WHERE {key} = $1";
    }

    /// <summary>Model files, by version.</summary>
    public static Artifacts OfModels { get; } = new("model_chunks", "version");

    /// <summary>Training states, by run.</summary>
    public static Artifacts OfTrainingStates { get; } = new("training_state_chunks", "run_id");

    public string Table { get; }

    /// <summary>A forward-only stream over the artifact of a key; empty when there is none.</summary>
    public async Task<Stream> OpenReadAsync(NpgsqlConnection connection, long key, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(_select, connection) { Parameters = { new() { Value = key } } };
        return new ArtifactReader(command, await command.ExecuteReaderAsync(CommandBehavior.SequentialAccess, cancellationToken));
    }

    /// <summary>Reads the artifact of a key.</summary>
    public async Task<T> LoadAsync<T>(NpgsqlConnection connection, long key, Func<Stream, T> load, CancellationToken cancellationToken)
    {
        await using var artifact = await OpenReadAsync(connection, key, cancellationToken);
        return await OffRequestsAsync(() => load(artifact), cancellationToken);
    }

    /// <summary>Stores the artifact of a key, in the connection's current transaction.</summary>
    public Task<(long Size, byte[] Sha256)> SaveAsync(
        NpgsqlConnection connection,
        long key,
        Action<Stream> save,
        CancellationToken cancellationToken
    ) =>
        OffRequestsAsync(
            () =>
            {
                using var artifact = new ArtifactWriter(connection, _copy, key);
                save(artifact);
                return artifact.Complete();
            },
            cancellationToken
        );

    public Task DeleteAsync(NpgsqlConnection connection, long key, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(_delete, cancellationToken, key);

    /// <summary>Files are parsed and written by blocking calls, off the threads that serve requests.</summary>
    private static Task<T> OffRequestsAsync<T>(Func<T> work, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(work, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private sealed class ArtifactWriter : Stream
    {
        private readonly NpgsqlBinaryImporter _import;
        private readonly long _key;
        private readonly byte[] _chunk = new byte[ChunkSize];
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private int _filled;
        private int _chunks;

        public ArtifactWriter(NpgsqlConnection connection, string copy, long key)
        {
            _key = key;
            _import = connection.BeginBinaryImport(copy);
        }

        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => ((long)_chunks * ChunkSize) + _filled;
        public override long Position
        {
            get => Length;
            set => throw new NotSupportedException();
        }

        /// <summary>Stores the last chunk and ends the COPY. Without this call nothing is stored.</summary>
        public (long Size, byte[] Sha256) Complete()
        {
            var size = Length;
            if (_filled > 0)
            {
                StoreChunk();
            }

            _import.Complete();
            return (size, _hash.GetHashAndReset());
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _hash.AppendData(buffer);
            while (!buffer.IsEmpty)
            {
                var part = Math.Min(buffer.Length, ChunkSize - _filled);
                buffer[..part].CopyTo(_chunk.AsSpan(_filled));
                buffer = buffer[part..];
                _filled += part;
                if (_filled == ChunkSize)
                {
                    StoreChunk();
                }
            }
        }

        public override void Flush() { }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _import.Dispose();
                _hash.Dispose();
            }
            base.Dispose(disposing);
        }

        private void StoreChunk()
        {
            _import.StartRow();
            _import.Write(_key, NpgsqlDbType.Bigint);
            _import.Write(_chunks, NpgsqlDbType.Integer);
            _import.Write(_chunk.AsSpan(0, _filled).ToArray(), NpgsqlDbType.Bytea);
            _chunks++;
            _filled = 0;
        }
    }

    private sealed class ArtifactReader(NpgsqlCommand command, NpgsqlDataReader reader) : Stream
    {
        private Stream? _chunk;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            while (true)
            {
                if (_chunk?.Read(buffer) is > 0 and var read)
                {
                    return read;
                }

                _chunk?.Dispose();
                _chunk = null;
                if (buffer.IsEmpty || !reader.Read())
                {
                    return 0;
                }

                _chunk = reader.GetStream(0);
            }
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (true)
            {
                if (_chunk is not null && await _chunk.ReadAsync(buffer, cancellationToken) is > 0 and var read)
                {
                    return read;
                }

                if (_chunk is not null)
                {
                    await _chunk.DisposeAsync();
                }

                _chunk = null;
                if (buffer.IsEmpty || !await reader.ReadAsync(cancellationToken))
                {
                    return 0;
                }

                _chunk = await reader.GetStreamAsync(0, cancellationToken);
            }
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _chunk?.Dispose();
                reader.Dispose();
                command.Dispose();
            }
            base.Dispose(disposing);
        }
    }
}
