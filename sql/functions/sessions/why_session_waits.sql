-- INTERNAL why_session_waits(session, now): returns the sentence that says which dispatcher a task waits for that
-- continues the session of this run, if no dispatcher of the session's work directory is at work; else null.
CREATE OR REPLACE FUNCTION why_session_waits(p_session uuid, p_now timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT format('waits for the dispatcher of host %s%s, which holds its session: start it, or submit a new task',
        coalesce(holder.host, run.host), ' with work directory ' || holder.work_dir)
    FROM task_runs AS run LEFT JOIN LATERAL (
        SELECT host, work_dir FROM dispatchers WHERE work_dir_id = run.work_dir_id ORDER BY started_at DESC LIMIT 1
    ) AS holder ON true
    WHERE run.id = p_session AND NOT EXISTS (
        SELECT FROM dispatchers AS d WHERE d.work_dir_id = run.work_dir_id AND is_at_work(d, p_now)
    )
$$;
