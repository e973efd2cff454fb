using System.IO.Pipelines;
using System.Text.Json;

namespace RecService.Client;

/// <summary>Imports of what the application has in its hands: the lines are written while they are sent, and enumerated once.</summary>
public static class Imports
{
    private const string NdJson = "application/x-ndjson";
    private const int BlockSize = 64 * 1024;

    /// <summary>Stores users, any number of them.</summary>
    public static Task<ImportResponse> ImportUsersAsync(
        this IRecServiceClient client,
        IEnumerable<UserLineInput> users,
        CancellationToken cancellationToken = default
    ) => SendAsync(users, file => client.ImportUsersAsync(file, cancellationToken: cancellationToken), cancellationToken);

    /// <summary>Stores items, any number of them.</summary>
    public static Task<ImportResponse> ImportItemsAsync(
        this IRecServiceClient client,
        IEnumerable<ItemLineInput> items,
        CancellationToken cancellationToken = default
    ) => SendAsync(items, file => client.ImportItemsAsync(file, cancellationToken: cancellationToken), cancellationToken);

    /// <summary>Stores interactions, any number of them, in one transaction. Under a key, the same interactions sent again within a day are not counted again.</summary>
    public static Task<InteractionImportResponse> ImportInteractionsAsync(
        this IRecServiceClient client,
        IEnumerable<InteractionInput> interactions,
        string? idempotencyKey = null,
        CancellationToken cancellationToken = default
    ) => SendAsync(interactions, file => client.ImportInteractionsAsync(file, idempotencyKey, cancellationToken: cancellationToken), cancellationToken);

    private static async Task<TResult> SendAsync<TLine, TResult>(
        IEnumerable<TLine> lines,
        Func<FileParameter, Task<TResult>> send,
        CancellationToken cancellationToken
    )
    {
        var pipe = new Pipe();
        var writing = Task.Run(() => WriteAsync(pipe.Writer, lines, cancellationToken), cancellationToken);
        try
        {
            return await send(new FileParameter(pipe.Reader.AsStream(), fileName: null, NdJson)).ConfigureAwait(false);
        }
        finally
        {
            // The service may answer before it has read everything: then nobody writes any more.
            await pipe.Reader.CompleteAsync().ConfigureAwait(false);
            await writing.ConfigureAwait(false);
        }
    }

    private static async Task WriteAsync<T>(PipeWriter pipe, IEnumerable<T> lines, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var line in lines)
            {
                using (var json = new Utf8JsonWriter(pipe))
                {
                    JsonSerializer.Serialize(json, line, RecServiceClient.Json);
                }

                pipe.GetSpan(1)[0] = (byte)'\n';
                pipe.Advance(1);
                if (pipe.UnflushedBytes >= BlockSize && (await pipe.FlushAsync(cancellationToken).ConfigureAwait(false)).IsCompleted)
                {
                    break;
                }
            }

            await pipe.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            // Breaks the request: half an import must not look like a whole one.
            await pipe.CompleteAsync(failure).ConfigureAwait(false);
            throw;
        }
    }
}
