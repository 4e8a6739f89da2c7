-- INTERNAL spent_today(group, now): returns what the group's runs that ended today (UTC) cost, as far as their CLI
-- reports it.
CREATE OR REPLACE FUNCTION spent_today(p_group worker_groups, p_now timestamptz) RETURNS numeric
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN p_group.spent_on = (p_now AT TIME ZONE 'UTC')::date THEN p_group.spent_usd ELSE 0 END
$$;
