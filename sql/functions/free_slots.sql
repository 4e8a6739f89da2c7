-- free_slots(group, now): how many tasks a group may take now: none while it is paused, cools down, or has spent the
-- budget of the day; one at a time while it has yet to prove that its limit is over; else what is left of its maximum.
-- What ran when the cool-down began goes on, and is no probe.
CREATE OR REPLACE FUNCTION free_slots(p_group worker_groups, p_now timestamptz) RETURNS integer
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF p_group.paused OR p_group.cooldown_until > p_now
        OR spent_today(p_group, p_now) >= p_group.daily_budget_usd THEN
        RETURN 0;
    ELSIF NOT p_group.unproven THEN
        RETURN p_group.max_concurrent - p_group.current_concurrent;
    ELSIF EXISTS (
        SELECT FROM tasks JOIN task_runs AS r ON r.id = tasks.run_id
        WHERE tasks.status IN ('leased', 'running') AND tasks.group_name = p_group.group_name
            AND is_probe(p_group, r.claimed_at)
    ) THEN
        RETURN 0;
    END IF;
    RETURN least(1, p_group.max_concurrent - p_group.current_concurrent);
END
$$;
