-- INTERNAL free_slots(group, now): returns how many tasks a group may take now. None while it is paused, cools down, or
-- has spent the budget of the day; one at a time while it has to prove that its limit is over; else the rest of its
-- maximum. A single expression without a subquery, so that the planner inlines it: the claim asks it of every group.
CREATE OR REPLACE FUNCTION free_slots(p_group worker_groups, p_now timestamptz) RETURNS integer
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN p_group.paused OR p_group.cooldown_until > p_now
            OR spent_today(p_group, p_now) >= p_group.daily_budget_usd THEN 0
        WHEN NOT p_group.unproven THEN p_group.max_concurrent - p_group.current_concurrent
        WHEN probe_is_out(p_group) THEN 0
        ELSE least(1, p_group.max_concurrent - p_group.current_concurrent)
    END
$$;
