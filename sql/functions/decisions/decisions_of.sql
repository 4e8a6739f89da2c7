-- INTERNAL decisions_of(task): returns what was decided of a task, the first decision first, as a JSON array: decision
-- (answered, approved, denied, picked), decided_by, decided_at, question, message, and the number of the run that it is
-- about.
CREATE OR REPLACE FUNCTION decisions_of(p_task uuid) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'decision', decision, 'decided_by', decided_by, 'decided_at', decided_at, 'question', question,
        'message', message, 'run_no', (SELECT run_no FROM task_runs WHERE task_runs.id = task_decisions.run_id)
    ) ORDER BY id), '[]')
    FROM task_decisions WHERE task_id = p_task
$$;
