using Npgsql;
using RecService.Api.Storage;

namespace RecService.Api.Publishing;

/// <summary>
/// Up to which key all interactions are committed that will ever be. Keys ascend, but those that were drawn first may be committed last. Whoever has drawn one
/// holds a lock on the sequence until its transaction ends, and one that held none the last time has drawn none of the keys of before that.
/// </summary>
internal sealed class SettledKeys
{
    /// <summary>SQL: the last key that was drawn.</summary>
    public const string LastKey = $"coalesce(pg_sequence_last_value('{Sequence}'), 0)";

    private const string Sequence = "interactions_interaction_key_seq";

    private const string Writers = $"""
        SELECT ARRAY(
            SELECT DISTINCT virtualtransaction FROM pg_locks
            WHERE locktype = 'relation' AND relation = '{Sequence}'::regclass AND mode = 'RowExclusiveLock' AND pid IS DISTINCT FROM pg_backend_pid()
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
        """;

    private Dictionary<string, long> _floors = new(StringComparer.Ordinal);
    private long? _last;

    /// <summary>The last key that was drawn, and up to which all are settled for transactions that begin after this.</summary>
    /// <param name="connection">Outside of a transaction: each statement has to see what is there when it runs, and in this order.</param>
    /// <param name="known">A key up to which they are settled for certain, unless the sequence was set back behind it.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async Task<(long Last, long Settled)> ReadAsync(NpgsqlConnection connection, long known, CancellationToken cancellationToken)
    {
        var last = await connection.ScalarAsync<long>($"SELECT {LastKey}", cancellationToken);
        known = Math.Min(known, last);
        if (last < _last)
        {
            // Another server, or a sequence that was set back: what was seen before says nothing of it.
            (_floors, _last) = ([], null);
        }

        var writers = await connection.ScalarAsync<string[]>(Writers, cancellationToken);
        _floors = writers.ToDictionary(writer => writer, writer => _floors.GetValueOrDefault(writer, _last ?? known), StringComparer.Ordinal);
        _last = last;
        return (last, Math.Max(known, _floors.Values.Append(last).Min()));
    }
}
