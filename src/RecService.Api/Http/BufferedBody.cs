using System.IO.Pipelines;

namespace RecService.Api.Http;

/// <summary>A body that was taken in before it is the request's turn, so that slow callers hold up nobody, and what it takes of the memory for bodies.</summary>
internal sealed class BufferedBody(BodyMemory memory) : IDisposable
{
    // Up to here a body costs nothing, so that large ones of others are no concern of the many small ones; their number is bounded by that of connections.
    private const int FreeBytes = 64 * 1024;

    private readonly Pipe _bytes = new(new(pauseWriterThreshold: 0, useSynchronizationContext: false));
    private long _taken;

    /// <summary>The bytes; parsing them gives back the memory of what has been read.</summary>
    public Stream Stream => _bytes.Reader.AsStream();

    /// <summary>Takes in a body to its end; false when there is no memory for it at the moment.</summary>
    /// <exception cref="BadHttpRequestException">There never is.</exception>
    public async Task<bool> ReadAsync(Stream body, CancellationToken cancellationToken)
    {
        var length = 0L;
        while (true)
        {
            var read = await body.ReadAsync(_bytes.Writer.GetMemory(), cancellationToken);
            if (read == 0)
            {
                await _bytes.Writer.CompleteAsync();
                return true;
            }

            length += read;
            if (length > FreeBytes && !Take(_bytes.Writer.GetSpan()[..read]))
            {
                return false;
            }

            _bytes.Writer.Advance(read);
            await _bytes.Writer.FlushAsync(cancellationToken);
        }
    }

    public void Dispose()
    {
        _bytes.Writer.Complete();
        _bytes.Reader.Complete();
        memory.Release(_taken);
    }

    private bool Take(ReadOnlySpan<byte> part)
    {
        var cost = BodyMemory.CostOf(part);
        if (_taken + cost > memory.Total)
        {
            throw new BadHttpRequestException("The body takes more memory than there is for all.", StatusCodes.Status413PayloadTooLarge);
        }

        var taken = memory.TryTake(cost);
        _taken += taken ? cost : 0;
        return taken;
    }
}
