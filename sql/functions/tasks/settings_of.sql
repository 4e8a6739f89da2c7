-- INTERNAL settings_of(task): returns what was asked of a task, under the keys of submit_tasks(). That is its row
-- without the prompt, the names of its input files, and what became of it. A reply inherits these settings. Hooks that are gone
-- are left out. So a
-- column that is not a setting is named here.
-- The prompt may be 32 MB. A variable can lose it without reading it, but a query that names the whole row reads it
-- (measured: 180 ms).
CREATE OR REPLACE FUNCTION settings_of(p_task uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_task tasks;
BEGIN
    SELECT * INTO v_task FROM tasks WHERE id = p_task;
    v_task.prompt := NULL;
    v_task.result := NULL;
    v_task.hooks := nullif(ARRAY(SELECT name FROM hooks WHERE name = ANY(v_task.hooks) AND named), '{}');
    -- That of `top` was for this task alone.
    v_task.priority := least(v_task.priority, 9);
    RETURN to_jsonb(v_task) - ARRAY[
        'prompt', 'input_files', 'scheduled_at', 'idempotency_key', 'session_id', 'asked_session', 'continues',
        'resumes', 'id', 'number', 'status', 'wait_reason', 'next_attempt_at', 'ready_at', 'attempt', 'run_no',
        'run_id', 'leased_by', 'group_name', 'cancel_requested_at', 'result', 'error_class', 'error_message',
        'started_at', 'finished_at', 'created_at', 'updated_at', 'output_pruned_at', 'lane', 'title',
        'source', 'base_commit', 'question', 'follow_up', 'follow_up_told', 'setups_failed', 'try_set',
        'on_unmet', 'is_filled', 'input_from', 'parent', 'tree', 'spawns', 'schedule'
    ];
END
$$;
