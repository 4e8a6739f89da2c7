-- INTERNAL tasks_because_of(tasks): returns all that is there because of these tasks: what needs the success of one of them or
-- of its tree, what their runs spawned, and so on. What needs only an end or a failure is not among it.
-- Cost: that of what it returns.
CREATE OR REPLACE FUNCTION tasks_because_of(p_ids uuid []) RETURNS uuid []
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
    RETURN ARRAY(
        WITH RECURSIVE found AS (
            SELECT unnest(p_ids) AS id
            UNION
            SELECT next.id FROM found CROSS JOIN LATERAL (
                SELECT task_id AS id FROM task_dependencies
                WHERE needs = found.id AND kind IN ('succeeded', 'tree') AND state IN ('open', 'unmet')
                UNION ALL
                SELECT tasks.id FROM tasks WHERE parent = found.id
            ) AS next
        )
        SELECT id FROM found WHERE id <> ALL(p_ids)
    );
END
$$;
