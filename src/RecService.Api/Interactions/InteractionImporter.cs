using System.Diagnostics;
using CsvHelper;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Npgsql;
using RecService.Api.Domain;
using RecService.Api.Http;
using RecService.Api.Http.Bulk;
using RecService.Api.Http.Limits;
using RecService.Api.Telemetry;

namespace RecService.Api.Interactions;

/// <summary>Takes NDJSON or CSV row by row from a request into the database.</summary>
internal sealed class InteractionImporter(
    NpgsqlDataSource database,
    IOptions<InteractionsOptions> options,
    IOptions<LoadOptions> load,
    StillAllowed stillAllowed,
    ServiceMetrics metrics,
    TimeProvider clock
)
{
    public async Task<InteractionImportResponse> RunAsync(FieldErrors errors, HttpRequest request, CancellationToken cancellationToken)
    {
        using var span = Spans.Start("import interactions");
        var start = Stopwatch.GetTimestamp();
        var now = clock.GetUtcNow();
        var isCsv =
            MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            && type.MediaType.Equals(CsvInteractions.MediaType, StringComparison.OrdinalIgnoreCase);
        var rejected = new RejectedLines(load.Value.Imports.RejectedLines);
        await using var writer = await InteractionWriter.BeginAsync(database, options.Value, now, metrics, cancellationToken);
        if (isCsv)
        {
            await ReadCsvAsync(errors, request, writer, now, rejected, cancellationToken);
        }
        else
        {
            await ReadLinesAsync(request, writer, now, rejected, cancellationToken);
        }

        if (errors.Any)
        {
            return new(0, 0, rejected.Count, rejected.Errors, rejected.Truncated);
        }

        var outcome = await writer.StoreAsync(rejected.Room, cancellationToken);
        await stillAllowed(request.HttpContext, cancellationToken);
        await writer.CommitAsync(cancellationToken);
        foreach (var (line, finding) in outcome.Rejected)
        {
            rejected.Add(line, finding.Errors());
        }

        rejected.AddUnlisted(outcome.RejectedCount - outcome.Rejected.Count);
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
            await AddAsync(errors, line.Number, NdJson.Parse<InteractionInput>(errors, line), writer, now, rejected, cancellationToken);
        }
    }

    private async Task ReadCsvAsync(
        FieldErrors errors,
        HttpRequest request,
        InteractionWriter writer,
        DateTimeOffset now,
        RejectedLines rejected,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await foreach (var row in CsvInteractions.ReadAsync(errors, request.Body, cancellationToken))
            {
                await AddAsync(row.Errors, row.Line, row.Interaction, writer, now, rejected, cancellationToken);
            }
        }
        catch (CsvFormatException)
        {
            // Most likely a quotation mark that is not closed: where the next row starts is not known.
            errors.Add("$", $"has a row longer than {Lines.MaxLength / 1024} KiB; perhaps a quotation mark is not closed");
        }
    }

    private async Task AddAsync(
        FieldErrors errors,
        long line,
        InteractionInput? input,
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
            rejected.AddRead(line, errors.All);
        }
    }
}
