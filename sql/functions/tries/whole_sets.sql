-- INTERNAL whole_sets(tasks, locked): returns those of these tasks that are no tries, or whose set is `locked` as a whole:
-- the end of one try may decide about all others.
CREATE OR REPLACE FUNCTION whole_sets(p_ids uuid [], p_locked uuid []) RETURNS uuid []
LANGUAGE sql VOLATILE
SET enable_seqscan = off
AS $$
    SELECT ARRAY(
        SELECT id FROM tasks AS t
        WHERE id = ANY(p_ids) AND (try_set IS NULL OR NOT EXISTS (
            SELECT FROM tasks AS beside WHERE beside.try_set = t.try_set AND beside.id <> ALL(p_locked)
        ))
    )
$$;
