using Npgsql;
using NpgsqlTypes;
using RecService.Api.Http.Bulk;
using RecService.Api.Storage;

namespace RecService.Api.Interactions;

/// <summary>How values go to the database, and from there to an export.</summary>
/// <param name="sql">The type in SQL.</param>
/// <param name="type">The type in Npgsql.</param>
/// <param name="kind">The type in exports.</param>
/// <param name="write">Writes a value as the next of a COPY.</param>
/// <param name="exportAsync">Takes a value from a COPY to a row of an export, under a name.</param>
internal sealed class ColumnType<T>(
    string sql,
    NpgsqlDbType type,
    ExportKind kind,
    Action<CopyWriter, T> write,
    Func<NpgsqlBinaryExporter, IExportRows, string, CancellationToken, ValueTask> exportAsync
)
{
    public string Sql => sql;

    public ExportKind Kind => kind;

    public void Write(CopyWriter copy, T value)
    {
        if (value is null)
        {
            copy.Null();
        }
        else
        {
            write(copy, value);
        }
    }

    public NpgsqlParameter Parameter(T value) => new() { Value = value ?? (object)DBNull.Value, NpgsqlDbType = type };

    public ValueTask ExportAsync(NpgsqlBinaryExporter from, IExportRows to, string name, CancellationToken cancellationToken) =>
        exportAsync(from, to, name, cancellationToken);
}

internal static class ColumnTypes
{
    /// <summary>Text that is compared byte by byte.</summary>
    public static readonly ColumnType<string?> Id = new("text COLLATE \"C\"", NpgsqlDbType.Text, ExportKind.Text, (copy, text) => copy.Text(text!), ExportTextAsync);

    public static readonly ColumnType<string?> Text = new("text", NpgsqlDbType.Text, ExportKind.Text, (copy, text) => copy.Text(text!), ExportTextAsync);

    public static readonly ColumnType<double?> Number = new(
        "double precision",
        NpgsqlDbType.Double,
        ExportKind.Number,
        (copy, number) => copy.Double(number!.Value),
        async (from, to, name, cancellationToken) => to.Number(name, await from.NumberAsync(cancellationToken))
    );

    /// <summary>In universal time.</summary>
    public static readonly ColumnType<DateTimeOffset?> Time = new(
        "timestamptz",
        NpgsqlDbType.TimestampTz,
        ExportKind.Time,
        (copy, time) => copy.Time(time!.Value),
        async (from, to, name, cancellationToken) => to.Time(name, await from.ReadAsync<DateTime>(NpgsqlDbType.TimestampTz, cancellationToken))
    );

    public static readonly ColumnType<string[]> Texts = new(
        "text[]",
        NpgsqlDbType.Array | NpgsqlDbType.Text,
        ExportKind.Texts,
        (copy, texts) => copy.Texts(texts),
        async (from, to, name, cancellationToken) => to.Texts(name, await from.TextsAsync(cancellationToken))
    );

    /// <summary>Values by name, as a JSON object, which is exported as text.</summary>
    public static readonly ColumnType<string> Features = new(
        "jsonb",
        NpgsqlDbType.Jsonb,
        ExportKind.Json,
        (copy, json) => copy.Json(json),
        async (from, to, name, cancellationToken) => to.Features(name, await from.TextAsync(cancellationToken))
    );

    private static async ValueTask ExportTextAsync(NpgsqlBinaryExporter from, IExportRows to, string name, CancellationToken cancellationToken) =>
        to.Text(name, await from.TextAsync(cancellationToken));
}
