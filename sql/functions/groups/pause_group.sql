-- API pause_group(group, reason): lets the group take no more tasks. Its queued tasks wait, or go to another group of
-- the tool. What runs goes on. Without a reason, one that a paused group has already stays.
-- Locks: claim lock, counters lock (exclusive), the group. Raises LD404.
CREATE OR REPLACE FUNCTION pause_group(p_group text, p_reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM lock_limits();
    PERFORM require_group(p_group);
    UPDATE worker_groups SET paused = true, updated_at = clock(),
        pause_reason = coalesce(p_reason, CASE WHEN paused THEN pause_reason END),
        pause_class = CASE WHEN paused AND p_reason IS NULL THEN pause_class END
    WHERE group_name = p_group;
END
$$;
