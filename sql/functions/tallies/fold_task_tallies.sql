-- INTERNAL fold_task_tallies(): moves rows of task_tally_inbox to task_tallies and submission_tallies. A kind that has
-- no task any more loses its row. The first 100 queues that tasks came in keep a row of their own in
-- submission_tallies: a choice that changed would let the others' sum fall. Only fold_tallies() calls this, under its
-- lock.
CREATE OR REPLACE FUNCTION fold_task_tallies() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_rows CONSTANT integer := 10000;
    c_named_queues CONSTANT integer := 100;
    v_empty tid [];
    v_submitted jsonb;
    v_named text [];
BEGIN
    WITH gone AS (
        DELETE FROM task_tally_inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM task_tally_inbox LIMIT c_rows))
        RETURNING *
    ), folded AS (
        INSERT INTO task_tallies AS t (tenant_id, tool, account, queue, state, tasks)
        SELECT coalesce(tenant_id, ''), tool, account, queue, state, sum(tasks) FROM gone WHERE state <> 'submitted'
        GROUP BY GROUPING SETS ((tenant_id, tool, account, queue, state), (tool, account, queue, state))
        HAVING sum(tasks) <> 0
        ON CONFLICT (tenant_id, tool, queue, account, state) DO UPDATE SET tasks = t.tasks + excluded.tasks
        RETURNING t.ctid AS place, t.tasks
    ), submitted AS (
        SELECT tenant_id, tool, queue, sum(tasks) AS tasks FROM gone WHERE state = 'submitted' GROUP BY 1, 2, 3
    )
    SELECT (SELECT array_agg(place) FROM folded WHERE tasks = 0), (SELECT jsonb_agg(submitted) FROM submitted)
    INTO v_empty, v_submitted;
    DELETE FROM task_tallies WHERE ctid = ANY(v_empty);
    IF v_submitted IS NULL THEN
        RETURN;
    END IF;

    SELECT array_agg(queue) INTO v_named FROM (
        SELECT DISTINCT queue FROM submission_tallies WHERE tenant_id = '' AND queue <> ''
    ) AS named;
    v_named := v_named || ARRAY(
        SELECT DISTINCT came ->> 'queue' FROM jsonb_array_elements(v_submitted) AS came
        WHERE v_named IS NULL OR came ->> 'queue' <> ALL(v_named)
        LIMIT c_named_queues - coalesce(cardinality(v_named), 0)
    );
    INSERT INTO submission_tallies AS s (tenant_id, tool, queue, tasks)
    SELECT coalesce(tenant_id, ''), tool, named, sum(tasks)
    FROM jsonb_to_recordset(v_submitted) AS came (tenant_id text, tool text, queue text, tasks bigint)
    CROSS JOIN LATERAL (SELECT CASE WHEN queue = ANY(v_named) THEN queue ELSE '' END) AS label (named)
    GROUP BY GROUPING SETS ((tenant_id, tool, named), (tool, named))
    ON CONFLICT (tenant_id, tool, queue) DO UPDATE SET tasks = s.tasks + excluded.tasks;
END
$$;
