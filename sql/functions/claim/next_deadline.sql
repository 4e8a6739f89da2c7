-- next_deadline(dispatcher, since): how long until time alone makes a claim succeed; null when it never will.
-- A duration, so that no other clock is compared with the server's. `since` is the moment that the last claim took
-- for now: what became due after it counts as overdue, not as seen. Overdue tasks that are still there are held
-- by somebody's open transaction (or are more than one claim promotes), as are contended lanes: look again in 50 ms.
-- Cost: one index probe a source, whatever the backlog: its settings leave the planner nothing else.
CREATE OR REPLACE FUNCTION next_deadline(p_dispatcher uuid, p_since timestamptz DEFAULT NULL) RETURNS interval
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
    v_now timestamptz := clock();
    v_since timestamptz := coalesce(p_since, v_now);
    v_due timestamptz;
    v_opens timestamptz;
    v_again timestamptz;
BEGIN
    -- Not min(): planned on an empty table it reads the whole index.
    SELECT ready_at INTO v_due FROM tasks
    WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit') ORDER BY ready_at LIMIT 1;
    -- A group may wait for both, for the end of its cool-down and for a new day: then it opens with the later one.
    -- A closed turn is opened by a limit and not by time; and without it the index of those in order answers.
    SELECT min(opens.at) INTO v_opens
    FROM worker_groups AS g JOIN dispatchers AS d ON d.id = p_dispatcher
    CROSS JOIN LATERAL (
        SELECT greatest(
            CASE WHEN g.cooldown_until > v_since THEN g.cooldown_until END,
            CASE WHEN spent_today(g, v_since) >= g.daily_budget_usd THEN next_day(v_since) END) AS at
    ) AS opens
    WHERE opens.at IS NOT NULL AND NOT g.paused AND group_is_served_by(g, d)
        AND EXISTS (SELECT FROM tenant_turns WHERE tenant_turns.tool = g.tool AND waiting AND NOT closed);
    IF v_due <= v_since OR EXISTS (SELECT FROM lanes WHERE contended_at IS NOT NULL) THEN
        v_again := v_now + interval '50 milliseconds';
    END IF;
    RETURN greatest(
        least(CASE WHEN v_due > v_since THEN v_due END, v_opens, v_again) - v_now,
        CASE WHEN coalesce(v_due, v_opens, v_again) IS NOT NULL THEN interval '1 millisecond' END);
END
$$;
