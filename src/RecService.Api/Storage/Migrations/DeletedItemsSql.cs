namespace RecService.Api.Storage.Migrations;

/// <summary>
/// The record of deleted items. It is the database that writes it, so that a deletion counts also when a process of a release without the record makes it,
/// or an operator by hand.
/// </summary>
internal static class DeletedItemsSql
{
    public const string Create = """
        CREATE FUNCTION note_deleted_items() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO deleted_items (item_id, deleted_at) SELECT item_id, now() FROM gone ORDER BY item_id
            ON CONFLICT (item_id) DO UPDATE SET deleted_at = excluded.deleted_at;
            RETURN NULL;
        END
        $$;

        CREATE TRIGGER note_deleted_items AFTER DELETE ON items REFERENCING OLD TABLE AS gone
            FOR EACH STATEMENT EXECUTE FUNCTION note_deleted_items();
        """;

    public const string Drop = "DROP FUNCTION note_deleted_items() CASCADE;";
}
