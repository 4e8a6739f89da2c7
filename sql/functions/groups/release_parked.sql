-- release_parked(group): tasks that the group's usage limit had parked are ready again, and so are those that another group
-- of its tool had parked and that this one may take. Those that a producer holds stay parked.
-- Locks: parked tasks (SKIP LOCKED); the claim lock is held by the caller.
CREATE OR REPLACE FUNCTION release_parked(p_group text) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    UPDATE tasks SET wait_reason = NULL, next_attempt_at = NULL, updated_at = clock()
    WHERE id = ANY(ARRAY(
        SELECT id FROM tasks
        WHERE status = 'queued' AND wait_reason = 'limit' AND (group_name = p_group OR account IS NULL AND tool = (
            SELECT worker_groups.tool FROM worker_groups WHERE worker_groups.group_name = p_group
        ))
        FOR NO KEY UPDATE SKIP LOCKED
    ))
$$;
