-- TRIGGER tasks_updated(): keeps the tallies and the counters, files lanes that got work, wakes dispatchers when a slot
-- was freed or a deadline changed, tells watchers, writes what hooks are told, and releases what waits for the tasks that
-- ended, see settle_needs().
--
-- It never joins old and new rows. plpgsql keeps the plan that it made for one row, and with that the join is quadratic
-- (measured: 4,000 rows take 9.5 s). Instead both sides are stacked and grouped. What is the same before and after
-- cancels out: a task that is asked to stop, for example, moves nothing. A transaction that moves no counter must not
-- hold the counters lock: if it is a producer's long one, the next report and its claim would wait for it.
-- Locks: those of move_counters(), when a counter moves; those of settle_needs(), when a task ended.
CREATE OR REPLACE FUNCTION tasks_updated() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    v record;
    v_news record;
    v_wakes boolean := false;
BEGIN
    WITH sides AS MATERIALIZED (
        SELECT 1 AS side, tenant_id, tool, model, queue, workflow, group_name, status, wait_reason, account FROM new_rows
        UNION ALL
        SELECT -1, tenant_id, tool, model, queue, workflow, group_name, status, wait_reason, account FROM old_rows
    ), tallied AS (
        INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
        SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END, queue,
            coalesce(wait_reason, status), sum(side)
        FROM sides GROUP BY 1, 2, 3, 4, 5 HAVING sum(side) <> 0
    ), moves AS (
        SELECT scope, sum(side) AS delta
        FROM sides, unnest(limit_scopes(tool, model, tenant_id, queue, workflow) || ('group:' || group_name)) AS scope
        WHERE status IN ('leased', 'running') GROUP BY scope HAVING sum(side) <> 0
    ), changed AS (
        SELECT status, array_agg(number ORDER BY number) AS numbers, array_agg(id) FILTER (WHERE NOT given_up) AS ids
        FROM (
            SELECT number, id, status, wait_reason, coalesce(error_class IN ('unmet', 'skipped'), false) AS given_up FROM new_rows
            EXCEPT SELECT number, id, status, wait_reason, coalesce(error_class IN ('unmet', 'skipped'), false) FROM old_rows
        ) AS entered
        GROUP BY status
    )
    SELECT EXISTS (SELECT FROM new_rows WHERE status = 'queued') AS queued,
        ARRAY(SELECT notify_task_event(status, numbers)::text FROM changed) AS told,
        ARRAY(SELECT unnest(ids) FROM changed WHERE status IN ('succeeded', 'failed', 'canceled')) AS ended,
        EXISTS (SELECT FROM hooks) AS heard, EXISTS (SELECT FROM task_dependencies) AS needed,
        ARRAY(SELECT scope FROM moves) AS scopes, ARRAY(SELECT delta::integer FROM moves) AS deltas,
        ARRAY(SELECT substr(scope, length('group:') + 1) FROM moves WHERE starts_with(scope, 'group:')) AS groups
    INTO v;
    IF v.scopes <> '{}' THEN
        v_wakes := move_counters(v.scopes, v.deltas, v.groups);
    END IF;
    IF v.queued THEN
        WITH became_ready AS (
            SELECT number, created_at, lane, tool, account, model, tenant_id, queue, priority, workflow
            FROM (
                SELECT 1 AS side, new_rows.* FROM new_rows UNION ALL SELECT 0, old_rows.* FROM old_rows
            ) AS sides
            WHERE status = 'queued' AND wait_reason IS NULL
            GROUP BY id, number, created_at, lane, tool, account, model, tenant_id, queue, priority, workflow
            HAVING min(side) = 1
        )
        INSERT INTO lane_inbox (lane, tool, account, model, tenant_id, queue, priority, workflow, number, created_at)
        SELECT lane, tool, account, model, tenant_id, queue, priority, workflow, min(number), min(created_at)
        FROM became_ready GROUP BY lane, tool, account, model, tenant_id, queue, priority, workflow;
        v_wakes := v_wakes OR FOUND OR EXISTS (
            SELECT FROM (
                SELECT 1 AS side, new_rows.* FROM new_rows UNION ALL SELECT 0, old_rows.* FROM old_rows
            ) AS sides
            WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit')
            GROUP BY id, ready_at HAVING min(side) = 1
        );
    END IF;
    IF v_wakes THEN
        PERFORM pg_notify('task_ready', tool) FROM (SELECT DISTINCT tool FROM new_rows) AS tools_with_work;
    END IF;
    IF v.heard THEN
        WITH news AS (
            SELECT id, task_news_type(
                min(status) FILTER (WHERE side = 0), min(status) FILTER (WHERE side = 1),
                min(wait_reason) FILTER (WHERE side = 1)) AS type
            FROM (
                SELECT 1 AS side, id, status, wait_reason FROM new_rows
                UNION ALL SELECT 0, id, status, wait_reason FROM old_rows
            ) AS sides GROUP BY id
        )
        SELECT array_agg(id) AS ids, array_agg(type) AS types INTO v_news FROM news WHERE type IS NOT NULL;
        IF v_news.ids IS NOT NULL THEN
            PERFORM file_task_news(v_news.ids, v_news.types);
        END IF;
    END IF;
    -- What weigh_needs() gives up, settle_needs() looks at itself.
    IF v.needed AND v.ended <> '{}' THEN
        PERFORM settle_needs(v.ended);
    END IF;
    RETURN NULL;
END
$$;
