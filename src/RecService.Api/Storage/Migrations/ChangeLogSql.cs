namespace RecService.Api.Storage.Migrations;

/// <summary>
/// The change log: one row for each transaction that touched a watched table. Transaction ids, not times, because a reader's
/// snapshot tells for certain which transactions it has seen, also those that were still running when it read.
/// </summary>
internal static class ChangeLogSql
{
    public const string Create = """
        CREATE TABLE changes (
            relation text NOT NULL,
            xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
            changed_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT pk_changes PRIMARY KEY (relation, xid)
        );

        CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO changes (relation) VALUES (TG_TABLE_NAME) ON CONFLICT DO NOTHING;
            RETURN NULL;
        END
        $$;

        CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON users
            FOR EACH STATEMENT EXECUTE FUNCTION note_change();
        CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON items
            FOR EACH STATEMENT EXECUTE FUNCTION note_change();
        CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON interactions
            FOR EACH STATEMENT EXECUTE FUNCTION note_change();
        """;

    public const string Drop = "DROP FUNCTION note_change() CASCADE; DROP TABLE changes;";

    /// <summary>Artifacts are compressed already: PostgreSQL should not try again.</summary>
    public const string StoreChunksUncompressed = "ALTER TABLE model_chunks ALTER COLUMN data SET STORAGE EXTERNAL;";
}
