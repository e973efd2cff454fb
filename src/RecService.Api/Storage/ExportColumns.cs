using Npgsql;
using NpgsqlTypes;

namespace RecService.Api.Storage;

/// <summary>Short forms for reading the columns of a COPY.</summary>
internal static class ExportColumns
{
    public static async ValueTask<string?> TextAsync(this NpgsqlBinaryExporter row, CancellationToken cancellationToken)
    {
        if (!row.IsNull)
        {
            return await row.ReadAsync<string>(NpgsqlDbType.Text, cancellationToken);
        }

        await row.SkipAsync(cancellationToken);
        return null;
    }

    public static async ValueTask<double?> NumberAsync(this NpgsqlBinaryExporter row, CancellationToken cancellationToken)
    {
        if (!row.IsNull)
        {
            return await row.ReadAsync<double>(NpgsqlDbType.Double, cancellationToken);
        }

        await row.SkipAsync(cancellationToken);
        return null;
    }

    public static ValueTask<string[]> TextsAsync(this NpgsqlBinaryExporter row, CancellationToken cancellationToken) =>
        row.ReadAsync<string[]>(NpgsqlDbType.Array | NpgsqlDbType.Text, cancellationToken);
}
