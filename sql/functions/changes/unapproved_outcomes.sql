-- INTERNAL unapproved_outcomes(reports, task_ids): returns what becomes of those of these tasks that need an approval and
-- whose runs have succeeded: {run: status}. Such a task is queued, and waits for it; one that was asked to stop is
-- canceled. Null: there is none. Only end_runs() calls this, which holds the tasks.
CREATE OR REPLACE FUNCTION unapproved_outcomes(p_reports jsonb, p_task_ids uuid []) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_object_agg(run_id, CASE WHEN cancel_requested_at IS NULL THEN 'queued' ELSE 'canceled' END)
    FROM tasks
    WHERE id = ANY(p_task_ids) AND approve AND run_id = ANY(ARRAY(
        SELECT (report ->> 'run_id')::uuid FROM jsonb_array_elements(p_reports) AS report
        WHERE report ->> 'error_class' IS NULL
    ))
$$;
