-- INTERNAL why_schedule_stops(schedule): returns why a schedule is to be paused, as a sentence; null if it goes on.
CREATE OR REPLACE FUNCTION why_schedule_stops(p_schedule schedules) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN failures >= p_schedule.max_failures THEN format(
        'its last %s %s, the last one: %s', CASE failures WHEN 1 THEN 'task' ELSE failures || ' tasks' END,
        CASE WHEN p_schedule.refusals >= p_schedule.max_failures THEN 'could not be submitted' ELSE 'failed' END,
        CASE WHEN p_schedule.refusals > 0 THEN p_schedule.last_error ELSE coalesce(
            (SELECT format('task %s, %s', number, error_class) FROM tasks AS t
            WHERE t.tenant_id = p_schedule.tenant_id AND t.schedule = p_schedule.name
                AND (status IN ('queued', 'leased', 'running')) = false AND status = 'failed'
            ORDER BY number DESC LIMIT 1), 'gone') END) END
    FROM failures_of_schedule(p_schedule) AS failures
$$;
