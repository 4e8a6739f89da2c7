-- INTERNAL release_parked(group): makes parked tasks ready again: those that the group's usage limit had parked, and
-- those that another group of its tool had parked and this one may take. Tasks that a producer holds stay parked.
-- Locks: parked tasks (SKIP LOCKED); the caller holds the claim lock.
CREATE OR REPLACE FUNCTION release_parked(p_group text) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    UPDATE tasks SET wait_reason = NULL, next_attempt_at = clock(), updated_at = clock()
    WHERE id = ANY(ARRAY(
        SELECT id FROM tasks
        WHERE status = 'queued' AND wait_reason = 'limit' AND (group_name = p_group OR account IS NULL AND tool = (
            SELECT worker_groups.tool FROM worker_groups WHERE worker_groups.group_name = p_group
        ))
        FOR NO KEY UPDATE SKIP LOCKED
    ))
$$;
