using Npgsql;
using NpgsqlTypes;

namespace RecService.Api.Publishing;

/// <summary>
/// What filters judge an item by. Snapshots hold it as it was, requests read it as it is now, and both read it here, so that they judge alike.
/// </summary>
/// <param name="Available">Whether it may be recommended.</param>
/// <param name="Tags">The tags.</param>
internal readonly record struct ItemFacts(bool Available, IReadOnlyList<string> Tags)
{
    /// <summary>Columns of <c>items</c>, in the order in which they are read.</summary>
    public const string Columns = "available, tags";

    /// <summary>Takes the next columns of a row of COPY.</summary>
    public static async ValueTask<ItemFacts> ReadAsync(NpgsqlBinaryExporter rows, CancellationToken cancellationToken) =>
        new(
            await rows.ReadAsync<bool>(NpgsqlDbType.Boolean, cancellationToken),
            await rows.ReadAsync<string[]>(NpgsqlDbType.Array | NpgsqlDbType.Text, cancellationToken)
        );

    /// <summary>Takes the columns of a row from the given one on.</summary>
    public static ItemFacts Read(NpgsqlDataReader row, int first) => new(row.GetBoolean(first), row.GetFieldValue<string[]>(first + 1));
}
