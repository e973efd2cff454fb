namespace RecService.Api.Storage.Migrations;

/// <summary>
/// How many users have a positive interaction with each item. Nothing is written where interactions are stored: they have ascending keys, by which new ones
/// are found. What is deleted has to leave a record.
/// </summary>
internal static class ItemCountsSql
{
    public const string Create = """
        CREATE TABLE item_counts (
            item_key bigint NOT NULL,
            users integer NOT NULL,
            round bigint NOT NULL,
            CONSTRAINT pk_item_counts PRIMARY KEY (item_key)
        );
        CREATE INDEX ix_item_counts_round ON item_counts (round);

        CREATE TABLE item_count_state (
            id smallint NOT NULL,
            feedback text NOT NULL,
            counted_to bigint NOT NULL,
            round bigint NOT NULL,
            CONSTRAINT pk_item_count_state PRIMARY KEY (id),
            CONSTRAINT ck_item_count_state_one_row CHECK (id = 1)
        );
        INSERT INTO item_count_state VALUES (1, '', 0, 0);

        CREATE TABLE deleted_interactions (
            item_key bigint NOT NULL,
            user_key bigint NOT NULL,
            interaction_key bigint NOT NULL,
            type text COLLATE "C" NOT NULL,
            value double precision
        );

        CREATE FUNCTION note_deleted_interactions() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO deleted_interactions SELECT item_key, user_key, interaction_key, type, value FROM gone;
            RETURN NULL;
        END
        $$;

        -- Nothing that the service does: whoever does it by hand has everything counted anew.
        CREATE FUNCTION forget_item_counts() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE item_count_state SET feedback = '', counted_to = 0;
            RETURN NULL;
        END
        $$;

        CREATE TRIGGER note_deleted_interactions AFTER DELETE ON interactions REFERENCING OLD TABLE AS gone
            FOR EACH STATEMENT EXECUTE FUNCTION note_deleted_interactions();
        CREATE TRIGGER forget_item_counts AFTER UPDATE OR TRUNCATE ON interactions
            FOR EACH STATEMENT EXECUTE FUNCTION forget_item_counts();
        """;

    public const string Drop = """
        DROP FUNCTION note_deleted_interactions() CASCADE; DROP FUNCTION forget_item_counts() CASCADE;
        DROP TABLE item_counts; DROP TABLE item_count_state; DROP TABLE deleted_interactions;
        """;
}
