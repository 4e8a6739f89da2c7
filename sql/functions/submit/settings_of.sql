-- settings_of(task): what was asked of a task, under the keys of submit_tasks(): its row, but for the prompt and the names
-- of its input files, and but for what became of it. A run gets these settings and a reply inherits them; so a column that
-- is no setting is named here.
-- The prompt leaves the row first, since it may be 32 MB and would be written as JSON only to be taken out.
CREATE OR REPLACE FUNCTION settings_of(p_task tasks) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT to_jsonb(jsonb_populate_record(p_task, '{"prompt": null, "result": null}')) - ARRAY[
        'prompt', 'input_files', 'scheduled_at', 'idempotency_key', 'session_id', 'asked_session', 'continues',
        'resumes', 'id', 'number', 'status', 'wait_reason', 'next_attempt_at', 'ready_at', 'attempt', 'run_no',
        'run_id', 'leased_by', 'group_name', 'cancel_requested_at', 'result', 'error_class', 'error_message',
        'started_at', 'finished_at', 'created_at', 'updated_at', 'output_pruned_at', 'lane'
    ]
$$;
