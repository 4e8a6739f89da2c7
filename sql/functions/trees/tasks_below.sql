-- INTERNAL tasks_below(tasks): returns the tasks that runs of these spawned, and what those spawned, and so on, lowest
-- number first. Cost: that of the tasks, by tasks_of_parent.
CREATE OR REPLACE FUNCTION tasks_below(p_ids uuid []) RETURNS uuid []
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE below AS (
            SELECT id, number FROM tasks WHERE parent = ANY(p_ids)
            UNION
            SELECT t.id, t.number FROM below JOIN tasks AS t ON t.parent = below.id
        )
        SELECT id FROM below ORDER BY number
    );
END
$$;
