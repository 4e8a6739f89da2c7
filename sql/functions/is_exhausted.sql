-- is_exhausted(group, now): whether a group has no slot or no money, so that it takes nothing before somebody gives it
-- more (or a new day does). Also true of a group that is not there.
CREATE OR REPLACE FUNCTION is_exhausted(p_group worker_groups, p_now timestamptz) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(p_group.max_concurrent, 0) = 0
        OR coalesce(spent_today(p_group, p_now) >= p_group.daily_budget_usd, false)
$$;
