using System.IO.Pipelines;
using RecService.Api.Http.Limits;
using RecService.Engine.Model;

namespace RecService.Api.Models;

/// <summary>A model on its way out in a format that it is not stored in.</summary>
internal sealed class ModelExport
{
    public const string Rfm = "rfm";
    public const string Safetensors = "safetensors";
    public const string Onnx = "onnx";

    private readonly Action<Stream> _write;

    public ModelExport(string format, FactorizationModel model)
    {
        if (format == Onnx)
        {
            Length = OnnxFile.LengthOf(model);
            _write = stream => OnnxFile.Export(stream, model);
        }
        else
        {
            _write = stream => SafetensorsFile.Export(stream, model);
        }
    }

    /// <summary>Bytes of the file, where they are known before.</summary>
    public long? Length { get; }

    /// <summary>Whether the format cannot hold it.</summary>
    public bool IsTooLong => Length > OnnxFile.MaximumLength;

    /// <summary>Writes the file on a thread of its own, never far ahead of what the reader takes.</summary>
    public async Task SendAsync(Stream body, StallLimit stalls, CancellationToken cancellationToken)
    {
        var parts = new Pipe(new(pauseWriterThreshold: 4 * StallLimit.PartBytes, resumeWriterThreshold: 2 * StallLimit.PartBytes));
        var writing = Task.Factory.StartNew(() => Write(parts.Writer), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        using var reader = stalls.Begin(cancellationToken);
        try
        {
            ReadResult read;
            do
            {
                read = await parts.Reader.ReadAsync(cancellationToken);
                foreach (var part in read.Buffer)
                {
                    await reader.SendAsync(async limited =>
                    {
                        await body.WriteAsync(part, limited);
                        return part.Length;
                    });
                }

                parts.Reader.AdvanceTo(read.Buffer.End);
            } while (!read.IsCompleted);
        }
        finally
        {
            // What is still written goes nowhere.
            await parts.Reader.CompleteAsync();
            await writing;
        }
    }

    private void Write(PipeWriter parts)
    {
        try
        {
            using var stream = parts.AsStream(leaveOpen: true);
            _write(stream);
            parts.Complete();
        }
        catch (Exception exception)
        {
            // Thrown where it is read.
            parts.Complete(exception);
        }
    }
}
