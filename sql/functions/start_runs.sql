-- start_runs(dispatcher, started): notes that agents were started; [{"run_id": ..., "pid": ..., "ago_s": ...}], where
-- ago_s is how long ago, in seconds, since hosts and server do not share a clock. Answers the runs that were noted.
-- Fenced: runs that are not the dispatcher's any more, or not leased any more, are left alone.
-- Locks: dispatchers row, tasks by id. Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION start_runs(p_dispatcher uuid, p_started jsonb) RETURNS uuid []
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_now timestamptz := clock();
    v_runs uuid [];
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    PERFORM FROM tasks
    WHERE id IN (
        SELECT task_id FROM task_runs
        WHERE task_runs.id IN (SELECT (started ->> 'run_id')::uuid FROM jsonb_array_elements(p_started) AS started)
    )
    ORDER BY id FOR UPDATE;

    WITH started AS (
        SELECT run_id, pid, v_now - make_interval(secs => coalesce(ago_s, 0)) AS at
        FROM jsonb_to_recordset(p_started) AS given (run_id uuid, pid integer, ago_s double precision)
    ), noted AS (
        UPDATE tasks SET status = 'running', started_at = started.at, updated_at = v_now
        FROM started
        WHERE tasks.run_id = started.run_id AND tasks.leased_by = p_dispatcher AND tasks.status = 'leased'
            AND tasks.id = (SELECT task_id FROM task_runs WHERE task_runs.id = started.run_id)
        RETURNING started.run_id, started.pid, started.at
    ), written AS (
        UPDATE task_runs SET pid = noted.pid, started_at = noted.at
        FROM noted WHERE task_runs.id = noted.run_id AND task_runs.status = 'running'
        RETURNING task_runs.id
    )
    SELECT coalesce(array_agg(id), '{}') INTO v_runs FROM written;
    RETURN v_runs;
END
$$;
