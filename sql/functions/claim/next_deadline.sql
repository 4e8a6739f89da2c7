-- INTERNAL next_deadline(dispatcher, since): how long until time alone makes a claim succeed; null when it never
-- will. It is a duration, so that no other clock is compared with the server's. `since` is the moment of the last
-- claim: what became due after it is overdue, since that claim has not seen it. Overdue tasks that are still there
-- are held by an open transaction, or are more than one claim promotes. For these, as for contended lanes
-- and for tasks whose dependents others hold, it is time to look again in 50 ms.
-- Schedules that the last claim saw due are left out: a dispatcher was told to fire them.
-- Cost: one index probe for each source, whatever the backlog. Its settings leave the planner no other plan.
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
    v_schedule timestamptz := (SELECT due_at FROM schedules WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1);
BEGIN
    IF v_schedule <= p_since THEN
        v_schedule := NULL;
    END IF;
    -- Not min(): planned on an empty table it reads the whole index.
    SELECT ready_at INTO v_due FROM tasks
    WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit') ORDER BY ready_at LIMIT 1;
    -- A group may wait for the end of its cool-down and for a new day: then it opens with the later one. While it is open,
    -- the end of a model's cool-down counts.
    -- Closed turns are left out: a limit opens them, and not time. So the index of the turns in order is enough.
    -- The first condition follows from the second. It is cheap, and true of few groups (of 1,000: 6 % of a claim).
    SELECT min(opens.at) INTO v_opens
    FROM worker_groups AS g JOIN dispatchers AS d ON d.id = p_dispatcher
    CROSS JOIN LATERAL (
        SELECT coalesce(
            greatest(
                CASE WHEN g.cooldown_until > v_since THEN g.cooldown_until END,
                CASE WHEN spent_today(g, v_since) >= g.daily_budget_usd THEN next_day(v_since) END),
            CASE WHEN g.models_cool_until > v_since THEN (
                SELECT min(cools_until) FROM model_cooldowns AS c
                WHERE c.group_name = g.group_name AND cools_until > v_since
            ) END) AS at
    ) AS opens
    WHERE (g.cooldown_until IS NOT NULL OR g.daily_budget_usd IS NOT NULL OR g.models_cool_until IS NOT NULL)
        AND opens.at IS NOT NULL
        AND NOT g.paused AND group_is_served_by(g, d, (SELECT closed_for(p_dispatcher)))
        -- Not EXISTS: PostgreSQL 15 made that the outer side of a join, and read all turns.
        AND (SELECT true FROM tenant_turns WHERE tenant_turns.tool = g.tool AND waiting AND NOT closed LIMIT 1);
    IF v_due <= v_since OR EXISTS (SELECT FROM lanes WHERE contended_at IS NOT NULL)
        OR EXISTS (SELECT FROM dependency_inbox)
    THEN
        v_again := v_now + interval '50 milliseconds';
    END IF;
    RETURN greatest(
        least(CASE WHEN v_due > v_since THEN v_due END, v_opens, v_again, v_schedule) - v_now,
        CASE WHEN coalesce(v_due, v_opens, v_again, v_schedule) IS NOT NULL THEN interval '1 millisecond' END);
END
$$;
