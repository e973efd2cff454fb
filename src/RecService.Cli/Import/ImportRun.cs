using System.Globalization;
using RecService.Cli.Commands;
using RecService.Cli.Files;
using RecService.Cli.Output;
using RecService.Client;

namespace RecService.Cli.Import;

/// <summary>What is imported, and how.</summary>
/// <param name="Kind">Interactions, users or items.</param>
/// <param name="Columns">What the columns of files are: query parameters of the import.</param>
/// <param name="PartRows">How many rows are sent at a time.</param>
/// <param name="RetryFor">For how long a part is sent again while the service does not take it.</param>
internal sealed record ImportSettings(string Kind, IReadOnlyList<(string Name, string Value)> Columns, int PartRows, TimeSpan RetryFor);

/// <summary>Sends files in parts, each of which the service stores once, however often it is sent.</summary>
internal sealed class ImportRun(IRecServiceClient service, ImportSettings settings, Stream standardInput, ImportProgress progress)
{
    private const string Ignore = "ignore";

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly string _path =
        $"v1/{settings.Kind}/import"
        + (settings.Columns.Count == 0 ? "" : "?")
        + string.Join('&', settings.Columns.Select(column => $"{Uri.EscapeDataString(column.Name)}={Uri.EscapeDataString(column.Value)}"));

    private readonly Dictionary<string, string> _columns = ColumnsOf(settings);
    private readonly string[] _ignored = [.. settings.Columns.Where(column => column.Name == Ignore).Select(column => column.Value)];

    public ImportReport Report { get; } = new(settings.Kind);

    public async Task SendAsync(IReadOnlyList<string> files, CancellationToken cancellation)
    {
        foreach (var path in files)
        {
            using var file = InputFile.Open(path, standardInput);
            await SendAsync(file, cancellation);
        }
    }

    private async Task SendAsync(InputFile file, CancellationToken cancellation)
    {
        var mediaType = ImportParts.MediaTypeOf(file);
        if (mediaType == ImportParts.NdJson && settings.Columns.Count > 0)
        {
            throw new CommandFailedException($"{file.Name} is NDJSON, which has no columns: --map, --set, --type and --ignore are for CSV and Parquet");
        }

        await foreach (var part in ImportParts.ReadAsync(file, mediaType, settings.PartRows, cancellation))
        {
            Report.Add(file.Name, part, await SendAsync(part, mediaType, cancellation));
            progress.Update(file.Name, Report.Rows, file.ShareRead);
        }
    }

    private async Task<PartResult> SendAsync(ImportPart part, string mediaType, CancellationToken cancellation)
    {
        // Users and items are replaced: twice is once.
        var key = settings.Kind == "interactions" ? part.Key($"{_path} {mediaType}") : null;
        var pause = FirstPause;
        var waited = TimeSpan.Zero;
        while (true)
        {
            try
            {
                return await StoreAsync(part, mediaType, key, cancellation);
            }
            catch (Exception away) when (away is HttpRequestException or RecServiceException { IsTemporary: true })
            {
                if (waited >= settings.RetryFor)
                {
                    throw new CommandFailedException(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{away.Message}; gave up after {waited.TotalSeconds:0} seconds, with {Figures.Counted(Report.Rows, "row")} sent. {ImportReport.GoOn}"
                        ),
                        away
                    );
                }

                // Not all that were turned away come back in the same moment.
                var wait = (away as RecServiceException)?.RetryAfter ?? pause * (0.75 + (Random.Shared.NextDouble() / 2));
                progress.Line(string.Create(CultureInfo.InvariantCulture, $"{away.Message}; trying again in {wait.TotalSeconds:0.0} s"));
                await Task.Delay(wait, cancellation);
                waited += wait;
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                Report.Retries++;
            }
        }
    }

    private static Dictionary<string, string> ColumnsOf(ImportSettings settings)
    {
        var columns = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in settings.Columns.Where(column => column.Name != Ignore))
        {
            if (!columns.TryAdd(name, value))
            {
                throw new CommandFailedException($"{name} is named twice");
            }
        }

        return columns;
    }

    private async Task<PartResult> StoreAsync(ImportPart part, string mediaType, string? key, CancellationToken cancellation)
    {
        using var body = new MemoryStream(part.Body.Array!, part.Body.Offset, part.Body.Count, writable: false);
        var file = new FileParameter(body, fileName: null, mediaType);
        if (settings.Kind == "interactions")
        {
            var stored = await service.ImportInteractionsAsync(file, key, _columns, _ignored, cancellation);
            return new(stored.Accepted, stored.Duplicates, stored.Rejected, stored.Errors);
        }

        var replaced =
            settings.Kind == "users"
                ? await service.ImportUsersAsync(file, _columns, _ignored, cancellation)
                : await service.ImportItemsAsync(file, _columns, _ignored, cancellation);
        return new(replaced.Accepted, Duplicates: 0, replaced.Rejected, replaced.Errors);
    }
}
