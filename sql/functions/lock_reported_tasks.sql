-- lock_reported_tasks(reports): locks the tasks whose runs are reported, in the order of their ids, to the end of the
-- transaction. Runs are unknown here whose task is gone.
CREATE OR REPLACE FUNCTION lock_reported_tasks(p_reports jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
BEGIN
    PERFORM FROM tasks
    WHERE id = ANY(ARRAY(
        SELECT (SELECT task_id FROM task_runs WHERE task_runs.id = (report ->> 'run_id')::uuid)
        FROM jsonb_array_elements(p_reports) AS report
    ))
    ORDER BY id FOR NO KEY UPDATE;
END
$$;
