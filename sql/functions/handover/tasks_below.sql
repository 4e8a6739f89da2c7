-- INTERNAL tasks_below(task): returns the tasks that a task spawned, and those that these spawned, and so on.
-- Cost: that of the tasks, by tasks_of_parent.
CREATE OR REPLACE FUNCTION tasks_below(p_task uuid) RETURNS uuid []
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE below AS (
            SELECT id, number FROM tasks WHERE parent = p_task
            UNION ALL
            SELECT t.id, t.number FROM below JOIN tasks AS t ON t.parent = below.id
        )
        SELECT id FROM below ORDER BY number
    );
END
$$;
