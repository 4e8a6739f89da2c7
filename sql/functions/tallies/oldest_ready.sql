-- INTERNAL oldest_ready(): returns for how long the oldest ready task of each queue has been ready, for the 100 queues
-- with most such tasks, and for all others together: 'other'. A task whose time has come counts as ready, also while no
-- dispatcher runs that would say so; of these the 1,000 oldest are looked at. Only site_metrics() calls this.
-- Cost: a probe for each queue with ready tasks, however many tasks there are.
CREATE OR REPLACE FUNCTION oldest_ready() RETURNS TABLE (queue text, age_s double precision)
LANGUAGE sql STABLE
AS $$
    WITH waiting AS (
        SELECT queue, row_number() OVER (ORDER BY sum(tasks) DESC, queue) AS place
        FROM current_tallies(p_by_tenant => false)
        WHERE state IN ('queued', 'scheduled', 'retry', 'limit') GROUP BY queue HAVING sum(tasks) > 0
    ), due AS (
        SELECT queue, min(ready_at) AS since
        FROM (
            SELECT queue, ready_at FROM tasks
            WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit') AND ready_at <= clock()
            ORDER BY ready_at LIMIT 1000
        ) AS oldest_due
        GROUP BY queue
    )
    SELECT CASE WHEN place <= 100 THEN queue ELSE 'other' END,
        greatest(extract(EPOCH FROM clock() - min(least(ready.since, due.since))), 0)
    FROM waiting LEFT JOIN due USING (queue) LEFT JOIN LATERAL (
        SELECT updated_at AS since FROM tasks
        WHERE tasks.queue = waiting.queue AND status = 'queued' AND wait_reason IS NULL AND number > 0
        ORDER BY updated_at LIMIT 1
    ) AS ready ON true
    GROUP BY 1 HAVING min(least(ready.since, due.since)) IS NOT NULL
$$;
