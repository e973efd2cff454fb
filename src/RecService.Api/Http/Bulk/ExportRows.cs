using RecService.Api.Domain;
using RecService.Api.Http.Limits;

namespace RecService.Api.Http.Bulk;

/// <summary>What a column of an export holds.</summary>
internal enum ExportKind
{
    Text,
    Number,
    Time,
    Flag,
    Texts,
    Json,
}

/// <summary>A column of an export.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="IsRequired">Whether every row has it.</param>
internal sealed record ExportColumn(string Name, ExportKind Kind, bool IsRequired = false);

/// <summary>Takes the rows of an export, each column by column in their order. What is null is not there.</summary>
internal interface IExportRows : IAsyncDisposable
{
    void Text(string name, string? value);

    void Number(string name, double? value);

    /// <summary>In universal time.</summary>
    void Time(string name, DateTime value);

    /// <param name="name">The name.</param>
    /// <param name="value">The value.</param>
    /// <param name="assumed">What an import takes it to be where it is left out.</param>
    void Flag(string name, bool value, bool assumed);

    void Texts(string name, string[] values);

    /// <summary>An object that is stored as JSON.</summary>
    void Json(string name, string? value);

    ValueTask EndRowAsync();

    /// <summary>After the last row. Without it what was sent is no whole file.</summary>
    ValueTask EndAsync();
}

internal static class ExportRowsExtensions
{
    /// <summary>The values of a context or of attributes, which are not there when there are none.</summary>
    public static void Features(this IExportRows rows, string name, string? json) => rows.Json(name, json is Domain.Features.EmptyJson ? null : json);
}

/// <summary>The format of an export that its caller asks for.</summary>
internal static class ExportFormat
{
    public const string NdJson = "ndjson";

    public const string Parquet = "parquet";

    /// <summary>For operations that export.</summary>
    public const string Description =
        "NDJSON, or with `format=parquet` or `Accept: application/vnd.apache.parquet` a Parquet file: times are timestamps, tags lists, and objects texts of JSON. ";

    /// <summary>Whether it is Parquet, and not NDJSON; by the header where the parameter does not say.</summary>
    public static bool IsParquet(FieldErrors errors, HttpRequest request, string? format)
    {
        if (format is not (null or NdJson or Parquet))
        {
            errors.Add("format", $"must be one of {NdJson}, {Parquet}");
        }

        return format is null ? Quality(request, ParquetRows.MediaType) > Quality(request, Bulk.NdJson.MediaType) : format == Parquet;
    }

    /// <summary>How much a caller wants what the header names; 0 of what it does not name, and so NDJSON where it names both alike, as generated clients do.</summary>
    private static double Quality(HttpRequest request, string mediaType) =>
        request.GetTypedHeaders().Accept.Where(type => type.MediaType == mediaType).Select(type => type.Quality ?? 1).DefaultIfEmpty().Max();

    /// <summary>Begins the answer.</summary>
    /// <param name="response">The answer.</param>
    /// <param name="name">Of the file, without its extension.</param>
    /// <param name="columns">All that a row may have.</param>
    /// <param name="isParquet">Whether it is Parquet, and not NDJSON.</param>
    /// <param name="stalls">How long a reader is waited for.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<IExportRows> BeginAsync(
        HttpResponse response,
        string name,
        IReadOnlyList<ExportColumn> columns,
        bool isParquet,
        StallLimit stalls,
        CancellationToken cancellationToken
    )
    {
        response.ContentType = isParquet ? ParquetRows.MediaType : Bulk.NdJson.MediaType;
        response.Headers.ContentDisposition = $"attachment; filename={name}.{(isParquet ? Parquet : NdJson)}";
        response.Headers.Vary = "Accept";
        var reader = stalls.Begin(cancellationToken);
        return isParquet ? await ParquetExport.BeginAsync(response.BodyWriter, reader, columns, cancellationToken) : new NdJsonWriter(response.BodyWriter, reader);
    }
}
