-- cool_down_group(group, until, reason): starts nothing in the group before that time, and then one task at a time
-- until one has shown that the account works; what runs goes on. Tasks that were parked until a later time wait for the
-- group instead.
-- Locks: claim lock, counters lock (alone), the group, parked tasks (SKIP LOCKED).
-- Raises LD404, LD400 for a time that is not finite.
CREATE OR REPLACE FUNCTION cool_down_group(p_group text, p_until timestamptz, p_reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM lock_limits();
    PERFORM require_group(p_group);
    IF p_until IS NULL OR NOT isfinite(p_until) THEN
        RAISE EXCEPTION 'a cool-down ends at some time; to stop a group for good, pause it' USING ERRCODE = 'LD400';
    END IF;
    UPDATE worker_groups SET cooldown_until = p_until, cooldown_reason = p_reason, unproven = true,
        updated_at = clock()
    WHERE group_name = p_group;
    PERFORM release_parked(p_group);
END
$$;
