namespace RecService.Api.Storage.Migrations;

/// <summary>
/// Which items a transaction of the change log touched, so that a reader reads these alone. A trigger over the rows of a whole statement writes it, whoever
/// made the change.
/// </summary>
internal static class ItemChangesSql
{
    public const string Create = """
        CREATE TABLE item_changes (
            xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
            item_key bigint NOT NULL,
            CONSTRAINT pk_item_changes PRIMARY KEY (xid, item_key)
        );

        CREATE FUNCTION note_item_changes() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO item_changes (item_key) SELECT item_key FROM touched ON CONFLICT DO NOTHING;
            RETURN NULL;
        END
        $$;

        -- No item has the key 0: it stands for all of them.
        CREATE FUNCTION note_items_truncated() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO item_changes (item_key) VALUES (0) ON CONFLICT DO NOTHING;
            RETURN NULL;
        END
        $$;

        CREATE TRIGGER note_inserted_items AFTER INSERT ON items REFERENCING NEW TABLE AS touched
            FOR EACH STATEMENT EXECUTE FUNCTION note_item_changes();
        CREATE TRIGGER note_updated_items AFTER UPDATE ON items REFERENCING NEW TABLE AS touched
            FOR EACH STATEMENT EXECUTE FUNCTION note_item_changes();
        CREATE TRIGGER note_removed_items AFTER DELETE ON items REFERENCING OLD TABLE AS touched
            FOR EACH STATEMENT EXECUTE FUNCTION note_item_changes();
        CREATE TRIGGER note_truncated_items AFTER TRUNCATE ON items
            FOR EACH STATEMENT EXECUTE FUNCTION note_items_truncated();
        """;

    public const string Drop = "DROP FUNCTION note_item_changes() CASCADE; DROP FUNCTION note_items_truncated() CASCADE; DROP TABLE item_changes;";
}
