-- INTERNAL is_throttled(group, now): returns whether an account is throttled for so long that somebody should know: its
-- last ten runs or more were throttled, and none has got through for half an hour.
CREATE OR REPLACE FUNCTION is_throttled(p_group worker_groups, p_now timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(p_group.throttled_runs >= 10 AND p_group.throttled_since <= p_now - interval '30 minutes', false)
$$;
