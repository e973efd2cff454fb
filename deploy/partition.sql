-- Divides the table of interactions into hash partitions by user, while the service runs. scale.md says when and what it costs. The roles are those of
-- roles.sql. As the owner of the tables:
--   psql -v ON_ERROR_STOP=1 -v partitions=32 -f partition.sql "host=… dbname=recservice user=recservice_owner"
-- Until the last step all can be taken back by `DROP SCHEMA partitioned CASCADE; DROP SCHEMA retired; DROP FUNCTION mirror_interaction() CASCADE;`.
\timing on

-- 1. An empty table of the same names in a schema of its own, where the partitions stay.
CREATE SCHEMA partitioned;
CREATE SCHEMA retired;
GRANT USAGE ON SCHEMA partitioned TO recservice;
CREATE TABLE partitioned.interactions (LIKE public.interactions INCLUDING ALL) PARTITION BY HASH (user_key);
SELECT format('CREATE TABLE partitioned.interactions_%s PARTITION OF partitioned.interactions FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
              n, :partitions, n)
FROM generate_series(0, :partitions - 1) AS n \gexec
-- LIKE makes up names of its own for indexes; later migrations look for the old ones.
SELECT format('ALTER INDEX partitioned.%I RENAME TO %I', c.relname, o.relname)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_index AS p ON p.indrelid = 'public.interactions'::regclass AND p.indkey::text = i.indkey::text AND pg_get_expr(p.indpred, p.indrelid) IS NOT DISTINCT FROM pg_get_expr(i.indpred, i.indrelid)
JOIN pg_class AS o ON o.oid = p.indexrelid
WHERE i.indrelid = 'partitioned.interactions'::regclass AND c.relname <> o.relname \gexec
ALTER TABLE partitioned.interactions
    ADD CONSTRAINT fk_interactions_users FOREIGN KEY (user_key) REFERENCES public.users (user_key) ON DELETE CASCADE,
    ADD CONSTRAINT fk_interactions_items FOREIGN KEY (item_key) REFERENCES public.items (item_key) ON DELETE CASCADE;

-- 2. From now on, what is written to one table is written to the other. The trigger waits for the transactions that write without it.
CREATE FUNCTION mirror_interaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM partitioned.interactions WHERE user_key = OLD.user_key AND interaction_key = OLD.interaction_key;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO partitioned.interactions VALUES (NEW.*);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER mirror_interaction AFTER INSERT OR UPDATE OR DELETE ON public.interactions FOR EACH ROW EXECUTE FUNCTION mirror_interaction();

-- 3. The rows from before, 100,000 keys a transaction. Users and items are locked first, as their deletion locks them first, too; then the rows, so that
--    none is deleted before it is in both tables.
DO $$
DECLARE
    step CONSTANT bigint := 100000;
    low bigint := (SELECT min(interaction_key) FROM public.interactions);
    high CONSTANT bigint := (SELECT max(interaction_key) FROM public.interactions);
BEGIN
    WHILE low <= high LOOP
        PERFORM FROM users WHERE user_key IN (SELECT user_key FROM public.interactions WHERE interaction_key >= low AND interaction_key < low + step)
            ORDER BY user_key FOR KEY SHARE;
        PERFORM FROM items WHERE item_key IN (SELECT item_key FROM public.interactions WHERE interaction_key >= low AND interaction_key < low + step)
            ORDER BY item_key FOR KEY SHARE;
        INSERT INTO partitioned.interactions
        SELECT * FROM public.interactions WHERE interaction_key >= low AND interaction_key < low + step FOR KEY SHARE
        ON CONFLICT DO NOTHING;
        COMMIT;
        low := low + step;
    END LOOP;
END
$$;
ANALYZE partitioned.interactions;

-- 4. Both must hold the same.
DO $$
BEGIN
    IF EXISTS (SELECT FROM public.interactions AS o FULL JOIN partitioned.interactions AS n USING (user_key, interaction_key) WHERE o IS NULL OR n IS NULL) THEN
        RAISE 'the tables differ; nothing has been exchanged';
    END IF;
END
$$;

-- 5. The exchange: writers and readers wait for it. It gives up when it does not get its locks soon, for instance because an import or a training run is at work;
--    then run this step again.
SET lock_timeout = '5s';
BEGIN;
-- Writers take keys first and write then: the same order here, or each would wait for the other. This changes nothing, and locks the sequence.
ALTER SEQUENCE public.interactions_interaction_key_seq CACHE 1;
LOCK TABLE public.interactions IN ACCESS EXCLUSIVE MODE;
DROP TRIGGER mirror_interaction ON public.interactions;
DROP FUNCTION mirror_interaction();
-- Far ahead, because imports under way go on taking keys from the old sequence.
SELECT setval('partitioned.interactions_interaction_key_seq', nextval('public.interactions_interaction_key_seq') + 1000000000);
ALTER TABLE public.interactions SET SCHEMA retired;
ALTER TABLE partitioned.interactions SET SCHEMA public;
SELECT replace(pg_get_triggerdef(oid), ' ON retired.interactions ', ' ON public.interactions ')
FROM pg_trigger WHERE tgrelid = 'retired.interactions'::regclass AND NOT tgisinternal \gexec
COMMIT;

-- When imports that were under way have ended: they took keys of before, which count no longer as new. Has the users of items counted anew.
--   UPDATE item_count_state SET feedback = '', counted_to = 0;
-- When all is well:
--   DROP SCHEMA retired CASCADE;
