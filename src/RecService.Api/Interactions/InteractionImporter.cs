using System.Diagnostics;
using CsvHelper;
using Microsoft.Net.Http.Headers;
using Npgsql;
using RecService.Api.Domain;
using RecService.Api.Http.Bulk;
using RecService.Api.Telemetry;

namespace RecService.Api.Interactions;

/// <summary>Takes NDJSON or CSV row by row from a request into the database.</summary>
internal sealed class InteractionImporter(NpgsqlDataSource dataSource, ServiceMetrics metrics, TimeProvider time)
{
    public async Task<InteractionImportResult> RunAsync(HttpRequest request, FieldErrors requestErrors, CancellationToken cancellationToken)
    {
        using var span = Spans.Start("import interactions");
        var start = Stopwatch.GetTimestamp();
        var now = time.GetUtcNow();
        var isCsv =
            MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            && type.MediaType.Equals(CsvInteractions.MediaType, StringComparison.OrdinalIgnoreCase);
        var rejected = new RejectedLines();
        await using var writer = await InteractionWriter.BeginAsync(dataSource, now, metrics, cancellationToken);
        if (isCsv)
        {
            await ReadCsvAsync(request, requestErrors, writer, now, rejected, cancellationToken);
        }
        else
        {
            await ReadLinesAsync(request, writer, now, rejected, cancellationToken);
        }

        if (requestErrors.Any)
        {
            return new(0, 0, rejected.Count, rejected.Errors, rejected.Truncated);
        }

        var outcome = await writer.StoreAsync(rejected.Room, cancellationToken);
        await writer.CommitAsync(cancellationToken);
        foreach (var line in outcome.Conflicts)
        {
            rejected.Add(line, InteractionConflict.Error);
        }

        rejected.AddUnlisted(outcome.ConflictCount - outcome.Conflicts.Count);
        metrics.ImportEnded("interactions", start, outcome.Accepted, outcome.Duplicates, rejected.Count);
        return new(outcome.Accepted, outcome.Duplicates, rejected.Count, rejected.Errors, rejected.Truncated);
    }

    private async Task ReadLinesAsync(
        HttpRequest request,
        InteractionWriter writer,
        DateTimeOffset now,
        RejectedLines rejected,
        CancellationToken cancellationToken
    )
    {
        await foreach (var line in Lines.ReadAsync(request.BodyReader, cancellationToken))
        {
            var errors = new FieldErrors();
            await AddAsync(line.Number, NdJson.Parse<InteractionInput>(errors, line), errors, writer, now, rejected, cancellationToken);
        }
    }

    private async Task ReadCsvAsync(
        HttpRequest request,
        FieldErrors requestErrors,
        InteractionWriter writer,
        DateTimeOffset now,
        RejectedLines rejected,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await foreach (var row in CsvInteractions.ReadAsync(request.Body, requestErrors, cancellationToken))
            {
                await AddAsync(row.Line, row.Interaction, row.Errors, writer, now, rejected, cancellationToken);
            }
        }
        catch (CsvFormatException)
        {
            // Most likely a quotation mark that is not closed: where the next row starts is not known.
            requestErrors.Add("$", $"has a row longer than {Lines.MaxLength / 1024} KiB; perhaps a quotation mark is not closed");
        }
    }

    private async Task AddAsync(
        long line,
        InteractionInput? input,
        FieldErrors errors,
        InteractionWriter writer,
        DateTimeOffset now,
        RejectedLines rejected,
        CancellationToken cancellationToken
    )
    {
        if (input is not null && InteractionValidation.Validate(errors, input, now) is var row && !errors.Any)
        {
            await writer.AddAsync(line, row, cancellationToken);
        }
        else
        {
            metrics.CountInteractions(metrics.TypeOf(input?.Type), Outcome.Rejected, 1);
            rejected.Add(line, errors.All);
        }
    }
}

/// <summary>The error of an interactionId that was given to two different events.</summary>
internal static class InteractionConflict
{
    public static FieldError Error { get; } = new("interactionId", "was used for another interaction of this user");
}
