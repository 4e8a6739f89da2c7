-- INTERNAL task_metrics(): returns the families of metrics() that are about tasks of this session's tenants. STABLE, so
-- that all of them show one moment. Submissions are those that are folded, since before that nobody knows whether a new
-- queue keeps its name. Only metrics() calls this.
CREATE OR REPLACE FUNCTION task_metrics() RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_named_queues CONSTANT integer := 100;
    v_mine text [] := session_tenants();
    v_kinds jsonb;
    v_queues text [];
    v_result jsonb;
BEGIN
    SELECT jsonb_agg(kind) INTO v_kinds FROM (
        SELECT tool, queue, account, state, sum(tasks) AS tasks FROM current_tallies(p_by_tenant => false)
        GROUP BY 1, 2, 3, 4 HAVING sum(tasks) <> 0
    ) AS kind;
    v_queues := ARRAY(
        SELECT queue
        FROM jsonb_to_recordset(v_kinds) AS kind (queue text, state text, tasks bigint)
        GROUP BY queue
        ORDER BY coalesce(sum(tasks) FILTER (WHERE state NOT IN ('succeeded', 'failed', 'canceled')), 0) DESC, queue
        LIMIT c_named_queues
    );
    WITH kinds AS MATERIALIZED (
        SELECT tool, CASE WHEN queue = ANY(v_queues) THEN queue ELSE 'other' END AS queue,
            nullif(account, '') AS account, state, tasks
        FROM jsonb_to_recordset(v_kinds) AS kind (tool text, queue text, account text, state text, tasks bigint)
    ), shown AS (
        SELECT tool, queue, state, sum(tasks) AS tasks FROM kinds GROUP BY 1, 2, 3
    ), waiting AS (
        SELECT CASE state WHEN 'queued' THEN ready_task_waits_for(tool, account) ELSE state END AS reason,
            sum(tasks) AS tasks
        FROM (SELECT tool, account, state, sum(tasks) AS tasks FROM kinds GROUP BY 1, 2, 3) AS alike
        WHERE state NOT IN ('leased', 'running', 'succeeded', 'failed', 'canceled') GROUP BY 1
    ), submitted AS (
        SELECT tool, CASE WHEN queue = '' THEN 'other' ELSE queue END AS queue, sum(tasks) AS tasks
        FROM submission_tallies WHERE tenant_id = ANY(coalesce(v_mine, '{""}')) GROUP BY 1, 2
    )
    SELECT jsonb_build_object(
        'tasks', coalesce((SELECT jsonb_agg(shown) FROM shown), '[]'),
        'waiting', coalesce((SELECT jsonb_agg(waiting) FROM waiting), '[]'),
        'submitted', coalesce((SELECT jsonb_agg(submitted) FROM submitted), '[]')
    ) INTO v_result;
    RETURN v_result;
END
$$;
