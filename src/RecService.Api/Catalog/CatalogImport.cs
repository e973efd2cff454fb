using Npgsql;
using RecService.Api.Storage;

namespace RecService.Api.Catalog;

/// <summary>The statements that take rows through a temporary table with the columns <c>line</c> and <c>id</c> into a table.</summary>
/// <param name="Create">Makes the temporary table.</param>
/// <param name="Copy">Fills it.</param>
/// <param name="DropUnchanged">Takes out of it what is stored already.</param>
/// <param name="Upsert">Stores the rest, as of the time in its parameter.</param>
/// <param name="Restore">Has ids that were deleted count as deleted no longer; null where none do.</param>
/// <param name="Write">Writes a row under its line.</param>
internal sealed record ImportTable<TRow>(
    string Create,
    string Copy,
    string DropUnchanged,
    string Upsert,
    string? Restore,
    Func<NpgsqlBinaryImporter, long, TRow, CancellationToken, Task> Write
);

/// <summary>An import under way: one transaction, which is lost unless it is committed.</summary>
internal sealed class CatalogImport<TRow> : IAsyncDisposable
{
    // The last line of an id counts.
    private const string DropRepetitions = """
        DELETE FROM incoming AS i
        USING (SELECT ctid, row_number() OVER (PARTITION BY id ORDER BY line DESC) AS place FROM incoming) AS r
        WHERE r.ctid = i.ctid AND r.place > 1
        """;

    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlTransaction _transaction;
    private readonly NpgsqlBinaryImporter _importer;
    private readonly ImportTable<TRow> _table;
    private readonly DateTimeOffset _now;

    private CatalogImport(
        NpgsqlConnection connection,
        NpgsqlTransaction transaction,
        NpgsqlBinaryImporter importer,
        ImportTable<TRow> table,
        DateTimeOffset now
    )
    {
        _connection = connection;
        _transaction = transaction;
        _importer = importer;
        _table = table;
        _now = now;
    }

    public static async Task<CatalogImport<TRow>> BeginAsync(
        NpgsqlDataSource database,
        ImportTable<TRow> table,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await connection.ExecuteAsync($"{Statements.WithoutJit}; {table.Create}", cancellationToken);
            var importer = await connection.BeginBinaryImportAsync(table.Copy, cancellationToken);
            return new(connection, transaction, importer, table, now);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public Task AddAsync(long line, TRow row, CancellationToken cancellationToken) => _table.Write(_importer, line, row, cancellationToken);

    /// <summary>Stores the rows added, for <see cref="CommitAsync"/> to make it last.</summary>
    public async Task StoreAsync(CancellationToken cancellationToken)
    {
        await _importer.CompleteAsync(cancellationToken);
        await _importer.DisposeAsync();
        await _connection.ExecuteUnhurriedAsync(DropRepetitions, cancellationToken);
        await _connection.ExecuteUnhurriedAsync("ANALYZE incoming", cancellationToken);
        await Transactions.RunFromSavepointAsync(
            _transaction,
            async cancellation =>
            {
                await _connection.ExecuteUnhurriedAsync(_table.DropUnchanged, cancellation);
                if (!await _connection.ScalarUnhurriedAsync<bool>("SELECT EXISTS (SELECT FROM incoming)", cancellation))
                {
                    return 0;
                }

                var stored = await _connection.ExecuteUnhurriedAsync(_table.Upsert, cancellation, _now);
                if (_table.Restore is not null)
                {
                    await _connection.ExecuteUnhurriedAsync(_table.Restore, cancellation);
                }

                return stored;
            },
            cancellationToken
        );
    }

    public Task CommitAsync(CancellationToken cancellationToken) => _transaction.CommitAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _importer.DisposeAsync();
        await _transaction.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
