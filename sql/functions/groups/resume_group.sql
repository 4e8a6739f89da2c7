-- API resume_group(group): ends a pause and a cool-down of the group, without a probe, and opens it again on hosts that
-- could not run it. A run that was claimed before does not pause it again. Parked tasks that the group may take are ready
-- again.
-- Locks: those of clear_cooldown(). Raises LD404.
CREATE OR REPLACE FUNCTION resume_group(p_group text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM clear_cooldown(p_group);
    UPDATE worker_groups SET paused = false, pause_reason = NULL, pause_class = NULL, resumed_at = clock(),
        updated_at = clock()
    WHERE group_name = p_group;
    PERFORM reopen_group(p_group);
END
$$;
