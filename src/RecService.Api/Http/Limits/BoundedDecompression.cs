using Microsoft.AspNetCore.RequestDecompression;

namespace RecService.Api.Http.Limits;

/// <summary>A compressed body expands to more than it may.</summary>
internal sealed class ExpansionException(int ratio)
    : Exception(
        FormattableString.Invariant(
            $"expands to more than {ratio} bytes for each byte that came, beyond {BoundedDecompression.FreeBytes / 1024 / 1024} MiB; send it uncompressed, or in parts"
        )
    );

/// <summary>
/// Bounds what comes out of a compressed body by what has come in, so that it costs its sender about as much as the service. What is small passes in any
/// case.
/// </summary>
internal sealed class BoundedDecompression(IDecompressionProvider provider, int ratio) : IDecompressionProvider
{
    /// <summary>What a body may expand to, however small it is.</summary>
    public const long FreeBytes = 1024 * 1024;

    public Stream GetDecompressionStream(Stream stream)
    {
        var received = new MeteredStream(stream, _ => { });
        return new MeteredStream(provider.GetDecompressionStream(received), expanded =>
        {
            if (expanded > FreeBytes && expanded / ratio > received.Length)
            {
                throw new ExpansionException(ratio);
            }
        });
    }

    /// <summary>Counts what is read; that count is its length so far.</summary>
    private sealed class MeteredStream(Stream inner, Action<long> check) : Stream
    {
        private long _length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => _length;

        public override long Position
        {
            get => _length;
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Count(inner.Read(buffer, offset, count));

        public override int Read(Span<byte> buffer) => Count(inner.Read(buffer));

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            Count(await inner.ReadAsync(buffer, cancellationToken));

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override async ValueTask DisposeAsync()
        {
            await inner.DisposeAsync();
            await base.DisposeAsync();
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }

        private int Count(int read)
        {
            _length += read;
            check(_length);
            return read;
        }
    }
}
