-- show_task(task): everything about one task as one JSON object, with its runs (logs included) and files.
-- Raises LD404.
CREATE OR REPLACE FUNCTION show_task(p_task text) RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$
    SELECT to_jsonb(t) - ARRAY['lane', 'leased_by', 'run_id', 'run_no', 'ready_at'] || jsonb_build_object(
        'wait_reason', CASE WHEN for_budget THEN 'budget' ELSE t.wait_reason END,
        'why', why_waiting(p_task),
        'waits_s', extract(EPOCH FROM CASE WHEN for_budget THEN next_day(clock()) ELSE t.ready_at END - clock()),
        'activity', (
            SELECT activity FROM task_runs WHERE task_runs.id = t.run_id AND t.status IN ('leased', 'running')
        ),
        'runs', coalesce((
            SELECT jsonb_agg(to_jsonb(runs) || jsonb_build_object(
                'stdout', r.stdout_trunc, 'stderr', r.stderr, 'final_text', r.final_text) ORDER BY runs.run_no)
            FROM list_runs(p_task) AS runs JOIN task_runs AS r USING (id)
        ), '[]'),
        'files', coalesce((SELECT jsonb_agg(to_jsonb(files)) FROM list_files(p_task) AS files), '[]'))
    FROM tasks AS t CROSS JOIN LATERAL (
        SELECT t.status = 'queued' AND t.wait_reason IS NULL AND waits_for_budget(t.tool, t.account) AS for_budget
    ) AS waits
    WHERE id = find_task(p_task)
$$;
