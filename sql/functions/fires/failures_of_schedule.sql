-- INTERNAL failures_of_schedule(schedule): returns how many of its last tasks have failed or could not be submitted, one after
-- the other, but no more than max_failures. Those that were canceled do not count, nor those before somebody resumed or
-- changed it.
-- Cost: reads the newest ended tasks until one that succeeded, at most max_failures of them and as many canceled ones as
-- lie between.
CREATE OR REPLACE FUNCTION failures_of_schedule(p_schedule schedules) RETURNS integer
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT p_schedule.refusals + count(*) FILTER (WHERE NOT is_over)::integer
    FROM (
        SELECT bool_or(status = 'succeeded') OVER (ORDER BY number DESC) AS is_over
        FROM (
            SELECT number, status FROM tasks AS t
            WHERE t.tenant_id = p_schedule.tenant_id AND t.schedule = p_schedule.name
                AND (status IN ('queued', 'leased', 'running')) = false AND status <> 'canceled'
                AND number > p_schedule.judged_after
            ORDER BY number DESC LIMIT greatest(p_schedule.max_failures - p_schedule.refusals, 0)
        ) AS newest
    ) AS judged
$$;
