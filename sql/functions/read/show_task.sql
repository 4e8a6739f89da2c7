-- API show_task(task, prompt_characters, with_output): returns everything about one task as one JSON object, with its
-- runs and files, and all of its prompt or only so many characters. A task that waits for a service may have had
-- thousands of runs: the object has the last 500 of `run_count`, and the last 4 MB of what they printed and answered,
-- unless with_output is false: a page that stays up to date would read all that at each change. Raises LD404.
CREATE OR REPLACE FUNCTION show_task(
    p_task text, p_prompt_characters integer DEFAULT NULL, p_with_output boolean DEFAULT true
) RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$
    SELECT to_jsonb(t) - ARRAY[
            'lane', 'leased_by', 'run_id', 'run_no', 'ready_at', 'prompt', 'follow_up_told', 'setups_failed', 'try_set',
            'is_filled'
        ] || jsonb_build_object(
        'prompt', CASE WHEN p_prompt_characters IS NULL THEN t.prompt ELSE left(t.prompt, p_prompt_characters) END,
        'wait_reason', CASE WHEN until_tomorrow OR is_spent THEN 'budget' ELSE t.wait_reason END,
        'why', why_waiting(p_task),
        'attempt', attempt_of(t.status, t.attempt, t.max_attempts), 'failures', t.attempt,
        'waits_s', extract(EPOCH FROM CASE
            WHEN until_tomorrow THEN next_day(clock())
            WHEN t.status = 'queued' THEN t.ready_at
        END - clock()),
        'proven', CASE WHEN t.status = 'succeeded' THEN (SELECT is_proven FROM tools WHERE name = t.tool) OR EXISTS (
            SELECT FROM run_commands WHERE run_id = t.run_id AND kind = 'check' AND verdict = 'passed') END,
        'actions', (SELECT to_jsonb(actions) FROM allowed_actions(ARRAY[t.number])),
        'activity', (
            SELECT activity FROM task_runs WHERE task_runs.id = t.run_id AND t.status IN ('leased', 'running')
        ),
        'run_count', (SELECT count(*) FROM task_runs WHERE task_id = t.id),
        'runs', coalesce((
            SELECT jsonb_agg(to_jsonb(listed) || CASE WHEN p_with_output THEN jsonb_build_object(
                'stdout', CASE WHEN shown THEN r.stdout_trunc END, 'stderr', CASE WHEN shown THEN r.stderr END,
                'final_text', CASE WHEN shown THEN r.final_text END) ELSE '{}' END ORDER BY listed.run_no)
            FROM (
                SELECT id, p_with_output AND sum(coalesce(octet_length(stdout_trunc), 0) + coalesce(octet_length(stderr), 0)
                    + coalesce(octet_length(final_text), 0)) OVER (ORDER BY run_no DESC) < 4000000
                    OR run_no = t.run_no AS shown
                FROM task_runs WHERE task_id = t.id ORDER BY run_no DESC LIMIT 500
            ) AS latest
            JOIN task_runs AS r USING (id) JOIN list_runs(p_task) AS listed USING (id)
        ), '[]'),
        'spawn_draft', (
            SELECT jsonb_array_length(tasks) FROM spawn_drafts
            WHERE task_id = t.id AND spawn_drafts.run_id = t.run_id AND t.wait_reason = 'approval'
        ),
        'decisions', decisions_of(t.id), 'tries', tries_of(t.try_set),
        'files', coalesce((SELECT jsonb_agg(to_jsonb(files)) FROM list_files(p_task) AS files), '[]'))
        || kin_of(t.id, t.parent, t.tree)
    FROM tasks AS t CROSS JOIN LATERAL (
        SELECT is_spent, t.status = 'queued' AND t.wait_reason IS NULL AND NOT is_spent
            AND waits_for_budget(t.tool, t.account) AS until_tomorrow
        FROM (
            SELECT t.status = 'queued' AND t.wait_reason IS NULL AND coalesce(t.workflow = ANY(spent_workflows()), false)
                AS is_spent
        ) AS of_workflow
    ) AS waits
    WHERE id = find_task(p_task)
$$;
