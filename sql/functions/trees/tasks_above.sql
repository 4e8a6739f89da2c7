-- INTERNAL tasks_above(tasks): returns the tasks whose runs spawned these, and so on up to the roots.
CREATE OR REPLACE FUNCTION tasks_above(p_ids uuid []) RETURNS uuid []
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE above AS (
            SELECT parent FROM tasks WHERE id = ANY(p_ids) AND parent IS NOT NULL
            UNION
            SELECT t.parent FROM above JOIN tasks AS t ON t.id = above.parent WHERE t.parent IS NOT NULL
        )
        SELECT parent FROM above
    );
END
$$;
