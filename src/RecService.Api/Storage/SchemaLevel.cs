using Npgsql;

namespace RecService.Api.Storage;

/// <summary>
/// Which releases may work on a schema. Releases have levels; a migration that one of a lower level cannot live with raises the least level that the
/// schema records. Most migrations only add something, and leave it: then processes of the former release work on beside those of the new one.
/// </summary>
internal static class SchemaLevel
{
    /// <summary>The level of this release: one more than before whenever a migration raises the least one.</summary>
    public const int OfThisRelease = 1;

    public const string Create = """
        CREATE TABLE schema_compatibility (least_level integer NOT NULL);
        INSERT INTO schema_compatibility VALUES (1);
        """;

    public const string Drop = "DROP TABLE schema_compatibility;";

    /// <summary>The least level that a release needs; 0 where the schema is of before levels were recorded.</summary>
    public static async Task<int> LeastAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await connection.ScalarAsync<bool>("SELECT to_regclass('schema_compatibility') IS NOT NULL", cancellationToken)
            ? await connection.ScalarAsync<int>("SELECT coalesce(max(least_level), 0) FROM schema_compatibility", cancellationToken)
            : 0;
}
