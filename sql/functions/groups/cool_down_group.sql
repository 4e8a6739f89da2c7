-- API cool_down_group(group, until, reason, for_s): lets the group start nothing before that time, and then one task at
-- a time until one has shown that the account works. What runs goes on. Tasks that were parked until a later time wait
-- for the group instead.
-- Without `until`, for_s is the length in seconds from now on, by this server's clock. Returns the time.
-- Locks: claim lock, counters lock (exclusive), the group, parked tasks (SKIP LOCKED).
-- Raises LD404, and LD400 for a time that is not finite.
CREATE OR REPLACE FUNCTION cool_down_group(
    p_group text, p_until timestamptz, p_reason text DEFAULT NULL, p_for_s double precision DEFAULT NULL
) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_until timestamptz := coalesce(p_until, clock() + make_interval(secs => p_for_s));
BEGIN
    PERFORM lock_limits();
    PERFORM require_group(p_group);
    IF v_until IS NULL OR NOT isfinite(v_until) THEN
        RAISE EXCEPTION 'a cool-down must end at some time; to stop a group for good, pause it' USING ERRCODE = 'LD400';
    END IF;
    UPDATE worker_groups SET cooldown_until = v_until, cooldown_reason = p_reason, cooldown_class = NULL,
        unproven = true, updated_at = clock()
    WHERE group_name = p_group;
    PERFORM release_parked(p_group);
    RETURN v_until;
END
$$;
