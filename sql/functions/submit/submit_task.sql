-- API submit_task(tool, prompt, ...): queues one task; see submit_tasks(). Runs at commit of the caller's transaction.
--   SELECT * FROM submit_task('claude', 'Review the change', p_priority => 7, p_output_files => '["review.md"]');
-- p_more is a JSON object of further keys: those of submit_tasks() that have no parameter here.
CREATE OR REPLACE FUNCTION submit_task(
    p_tool text,
    p_prompt text,
    p_model text DEFAULT NULL,
    p_account text DEFAULT NULL,
    p_tenant_id text DEFAULT NULL,
    p_queue text DEFAULT NULL,
    p_priority integer DEFAULT NULL,
    p_name text DEFAULT NULL,
    p_labels jsonb DEFAULT NULL,
    p_input_files jsonb DEFAULT NULL,
    p_output_files jsonb DEFAULT NULL,
    p_permission text DEFAULT NULL,
    p_workdir text DEFAULT NULL,
    p_timeout_s integer DEFAULT NULL,
    p_stall_timeout_s integer DEFAULT NULL,
    p_max_attempts integer DEFAULT NULL,
    p_backoff_s real DEFAULT NULL,
    p_scheduled_at timestamptz DEFAULT NULL,
    p_delay_s double precision DEFAULT NULL,
    p_idempotency_key text DEFAULT NULL,
    p_session_id text DEFAULT NULL,
    p_retry_on text [] DEFAULT NULL,
    p_fallback_model text DEFAULT NULL,
    p_more jsonb DEFAULT '{}'
)
RETURNS TABLE (id uuid, number bigint, status text, created boolean, same boolean)
LANGUAGE sql VOLATILE
AS $$
    SELECT id, number, status, created, same FROM submit_tasks(jsonb_build_array(jsonb_build_object(
        'tool', p_tool, 'prompt', p_prompt, 'model', p_model, 'account', p_account, 'tenant_id', p_tenant_id,
        'queue', p_queue, 'priority', p_priority, 'name', p_name, 'labels', p_labels,
        'input_files', p_input_files, 'output_files', p_output_files, 'permission', p_permission,
        'workdir', p_workdir, 'timeout_s', p_timeout_s, 'stall_timeout_s', p_stall_timeout_s,
        'max_attempts', p_max_attempts, 'backoff_s', p_backoff_s, 'scheduled_at', p_scheduled_at,
        'delay_s', p_delay_s, 'idempotency_key', p_idempotency_key, 'session_id', p_session_id,
        'retry_on', to_jsonb(p_retry_on), 'fallback_model', p_fallback_model) || p_more))
$$;
