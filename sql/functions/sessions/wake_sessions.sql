-- INTERNAL wake_sessions(work_dir): makes tasks ready that wait for a dispatcher of this work directory, since it holds
-- their sessions. Cost: one pass over the replies that there are. Locks: these tasks (SKIP LOCKED).
-- Only register_dispatcher() calls this.
CREATE OR REPLACE FUNCTION wake_sessions(p_work_dir uuid) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    UPDATE tasks SET wait_reason = NULL, updated_at = clock() WHERE id = ANY(ARRAY(
        SELECT tasks.id FROM tasks JOIN task_runs AS session ON session.id = tasks.continues
        WHERE tasks.continues IS NOT NULL AND tasks.status = 'queued' AND tasks.wait_reason = 'retry'
            AND tasks.error_class IS NULL AND session.work_dir_id = p_work_dir
        ORDER BY tasks.id FOR NO KEY UPDATE OF tasks SKIP LOCKED
    ))
$$;
