-- INTERNAL runs_for_dispatch(tasks, prompts): what a dispatcher has to know of the open runs of these tasks, as a
-- JSON array in the order of `tasks`: their settings, less those that only the claim and people look at, and what the
-- claim gave them. session_id is a session to go on with, and goes_on says that it is the task's own, which was cut
-- short; directory names the workspace to work in. prompt is null when it is large, see prompt_in_claim(), or when
-- `prompts` is false.
-- It is in plpgsql, because each transaction would plan a SQL function again.
CREATE OR REPLACE FUNCTION runs_for_dispatch(p_tasks uuid [], p_prompts boolean DEFAULT true) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN coalesce((
        SELECT jsonb_agg(settings_of(t.id) - ARRAY[
            'name', 'labels', 'tenant_id', 'queue', 'priority', 'backoff_s', 'retry_on'
        ] || jsonb_build_object(
            'run_id', t.run_id, 'task_id', t.id, 'number', t.number, 'run_no', t.run_no, 'attempt', t.attempt + 1,
            'prompt', CASE WHEN p_prompts THEN prompt_in_claim(t.prompt) END,
            'session_id', coalesce(session.session_id, t.asked_session), 'goes_on', t.resumes IS NOT NULL,
            'directory', run.directory, 'has_input_files', t.input_files <> '[]', 'group_name', t.group_name,
            'account', g.account_name, 'env', g.env_vars, 'config_home', g.config_home, 'budget_usd', g.task_budget_usd
        ) ORDER BY array_position(p_tasks, t.id))
        FROM tasks AS t JOIN worker_groups AS g USING (group_name) JOIN task_runs AS run ON run.id = t.run_id
        LEFT JOIN task_runs AS session ON session.id = run.resumed
        WHERE t.id = ANY(p_tasks)
    ), '[]');
END
$$;
