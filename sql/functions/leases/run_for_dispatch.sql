-- INTERNAL run_for_dispatch(task, group, run_id, run_no, directory, session_id, goes_on, prompt): what a dispatcher has
-- to know of an open run: the settings of its task, less those that only the claim and people look at, and what the
-- claim gave it. session_id is a session to go on with, and goes_on says that it is the task's own, which was cut
-- short; directory names the workspace to work in. prompt is null when it is read piece by piece, see prompt_in_claim(). follow_up is
-- left out where the session has heard it.
-- A single expression, so that it is inlined and reads no more of a row than it names: a prompt may be 32 MB.
CREATE OR REPLACE FUNCTION run_for_dispatch(
    p_task tasks, p_group worker_groups, p_run_id uuid, p_run_no integer, p_directory text, p_session_id text,
    p_goes_on boolean, p_prompt text
) RETURNS json
LANGUAGE sql STABLE
AS $$
    SELECT json_build_object(
        'tool', p_task.tool, 'model', p_task.model, 'fallback_model', p_task.fallback_model,
        'permission', p_task.permission, 'workdir', p_task.workdir, 'timeout_s', p_task.timeout_s,
        'stall_timeout_s', p_task.stall_timeout_s, 'max_attempts', p_task.max_attempts,
        'output_files', p_task.output_files, 'has_input_files', p_task.input_files <> '[]' OR p_task.input_from IS NOT NULL,
        'run_id', p_run_id, 'task_id', p_task.id, 'number', p_task.number, 'run_no', p_run_no,
        'attempt', p_task.attempt + 1, 'prompt', p_prompt,
        'session_id', coalesce(p_session_id, p_task.asked_session), 'goes_on', p_goes_on, 'directory', p_directory,
        'group_name', p_group.group_name, 'account', p_group.account_name, 'env', p_group.env_vars,
        'config_home', p_group.config_home, 'budget_usd', p_group.task_budget_usd,
        'repository', p_task.repository, 'ref', p_task.ref, 'source', p_task.source, 'base_commit', p_task.base_commit,
        'no_changes', p_task.no_changes, 'setup_command', p_task.setup_command, 'check_command', p_task.check_command,
        'setup_timeout_s', p_task.setup_timeout_s, 'check_timeout_s', p_task.check_timeout_s,
        'spawns', p_task.spawns,
        'follow_up', CASE WHEN p_goes_on AND p_task.follow_up_told THEN NULL ELSE p_task.follow_up END
    )
$$;
