using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.HttpResults;
using RecService.Api.Http.Errors;

namespace RecService.Api.Http.Limits;

/// <summary>
/// A body that was taken in before it is the request's turn, so that slow callers hold up nobody, and what it takes of the memory for bodies.
/// </summary>
internal sealed class BufferedBody(BodyMemory memory, string key) : IDisposable
{
    private readonly Pipe _bytes = new(new(pauseWriterThreshold: 0, useSynchronizationContext: false));
    private long _taken;

    /// <summary>The bytes; parsing them gives back the memory of what has been read.</summary>
    public Stream Stream => _bytes.Reader.AsStream();

    /// <summary>Takes in a body to its end, or says why not: there is no memory for it, at the moment or ever.</summary>
    public async Task<ProblemHttpResult?> ReadAsync(Stream body, CancellationToken cancellationToken)
    {
        var length = 0L;
        while (true)
        {
            var read = await body.ReadAsync(_bytes.Writer.GetMemory(), cancellationToken);
            if (read == 0)
            {
                await _bytes.Writer.CompleteAsync();
                return null;
            }

            length += read;
            var cost = BodyMemory.CostOf(_bytes.Writer.GetSpan()[..read]);
            if (_taken + cost > memory.MostOfKey(length))
            {
                return Problems.TooLarge("holds values that take more memory than there is for the bodies of one key; split it");
            }

            if (!memory.TryTake(key, cost, length))
            {
                return Problems.Overloaded();
            }

            _taken += cost;
            _bytes.Writer.Advance(read);
            await _bytes.Writer.FlushAsync(cancellationToken);
        }
    }

    public void Dispose()
    {
        _bytes.Writer.Complete();
        _bytes.Reader.Complete();
        memory.Release(key, _taken);
    }
}
