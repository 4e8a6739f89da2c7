-- resume_group(group): ends a pause and a cool-down. Locks: claim lock, the group. Raises LD404.
CREATE OR REPLACE FUNCTION resume_group(p_group text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM lock_claims();
    PERFORM require_group(p_group);
    UPDATE worker_groups SET paused = false, pause_reason = NULL, cooldown_until = NULL, cooldown_reason = NULL,
        updated_at = clock()
    WHERE group_name = p_group;
END
$$;
