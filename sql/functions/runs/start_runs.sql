-- API start_runs(dispatcher, started): notes that agents were started, and returns the runs that are the dispatcher's
-- and running now. So a call whose result was lost may be repeated. Runs that are over or another dispatcher's are left
-- alone, and so are those whose task somebody's open transaction holds: report these again.
-- started is [{"run_id": ..., "pid": ..., "ago_s": ...}], where ago_s is how long ago, in seconds, since hosts and
-- server do not share a clock.
-- Locks: dispatchers row, tasks by id (SKIP LOCKED). Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION start_runs(p_dispatcher uuid, p_started jsonb) RETURNS uuid []
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_now timestamptz;
    v_locked uuid [];
    v_run_ids uuid [] := ARRAY(SELECT (started ->> 'run_id')::uuid FROM jsonb_array_elements(p_started) AS started);
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    v_locked := ARRAY(
        SELECT id FROM tasks
        WHERE id = ANY(ARRAY(SELECT task_id FROM task_runs WHERE task_runs.id = ANY(v_run_ids)))
            AND run_id = ANY(v_run_ids) AND leased_by = p_dispatcher
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    );
    v_now := clock();

    WITH started AS (
        SELECT given.run_id, given.pid, v_now - make_interval(secs => coalesce(ago_s, 0)) AS at, task_id
        FROM jsonb_to_recordset(p_started) AS given (run_id uuid, pid integer, ago_s double precision)
        JOIN task_runs ON task_runs.id = given.run_id
    ), noted AS (
        UPDATE tasks SET status = 'running', started_at = started.at, updated_at = v_now
        FROM started
        WHERE tasks.id = started.task_id AND tasks.id = ANY(v_locked) AND tasks.run_id = started.run_id AND tasks.leased_by = p_dispatcher
            AND tasks.status = 'leased'
        RETURNING started.run_id, started.pid, started.at
    )
    UPDATE task_runs SET pid = noted.pid, started_at = noted.at FROM noted WHERE task_runs.id = noted.run_id;

    RETURN ARRAY(
        SELECT tasks.run_id FROM tasks JOIN task_runs ON task_runs.task_id = tasks.id AND task_runs.id = tasks.run_id
        WHERE task_runs.id = ANY(v_run_ids) AND tasks.leased_by = p_dispatcher AND tasks.status = 'running'
    );
END
$$;
