-- TRIGGER tasks_updated(): moves the counters, files lanes that got work, wakes dispatchers when a slot was freed or a
-- deadline changed, and tells watchers.
--
-- It never joins old and new rows. plpgsql keeps the plan that it made for one row, and with that the join is quadratic
-- (measured: 4,000 rows take 9.5 s). Instead both sides are stacked and grouped. The planner drops the columns that a
-- statement does not need, so they are stacked whole at no cost (measured on 1,000 rows).
-- Locks: those of move_counters(), when a counter moves.
CREATE OR REPLACE FUNCTION tasks_updated() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    v_moves text [];
    v_queued boolean;
    v_wakes boolean := false;
BEGIN
    SELECT bool_or(status = 'queued') INTO v_queued FROM new_rows;
    IF v_queued IS NULL THEN
        RETURN NULL;
    END IF;

    -- Moves that cancel each other out are left out, as of a task that starts or is asked to stop. A transaction that
    -- moves no counter must not hold the counters lock: if it is a producer's long one, the next report and its claim
    -- would wait for it.
    SELECT array_agg(side || scope) INTO v_moves
    FROM (
        SELECT side, scope, sum(CASE side WHEN '+' THEN 1 ELSE -1 END) OVER (PARTITION BY scope) AS net
        FROM (
            SELECT '+' AS side, new_rows.* FROM new_rows UNION ALL SELECT '-', old_rows.* FROM old_rows
        ) AS sides, unnest(limit_scopes(tool, model, tenant_id, queue) || ('group:' || group_name)) AS scope
        WHERE status IN ('leased', 'running')
    ) AS moves
    WHERE net <> 0;
    IF v_moves IS NOT NULL THEN
        v_wakes := move_counters(v_moves);
    END IF;

    IF v_queued THEN
        WITH became_ready AS (
            SELECT number, created_at, lane, tool, account, model, tenant_id, queue, priority
            FROM (
                SELECT 1 AS side, new_rows.* FROM new_rows UNION ALL SELECT 0, old_rows.* FROM old_rows
            ) AS sides
            WHERE status = 'queued' AND wait_reason IS NULL
            GROUP BY id, number, created_at, lane, tool, account, model, tenant_id, queue, priority
            HAVING min(side) = 1
        )
        INSERT INTO lane_inbox (lane, tool, account, model, tenant_id, queue, priority, number, created_at)
        SELECT lane, tool, account, model, tenant_id, queue, priority, min(number), min(created_at)
        FROM became_ready GROUP BY lane, tool, account, model, tenant_id, queue, priority;
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

    PERFORM notify_task_event(status, array_agg(number ORDER BY number))
    FROM (
        SELECT max(status) FILTER (WHERE side = 1) AS status, max(number) AS number
        FROM (SELECT 1 AS side, new_rows.* FROM new_rows UNION ALL SELECT 0, old_rows.* FROM old_rows) AS sides
        GROUP BY id HAVING count(DISTINCT status || ' ' || coalesce(wait_reason, '')) > 1
    ) AS changed
    GROUP BY status;
    RETURN NULL;
END
$$;
