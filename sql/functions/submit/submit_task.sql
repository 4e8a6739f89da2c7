-- API submit_task(tool, prompt, ...): queues one task; see submit_tasks(). Runs at commit of the caller's transaction.
--   SELECT * FROM submit_task('claude', 'Review the change', p_priority => 7, p_output_files => '["review.md"]');
-- p_more is a JSON object of further keys: those of submit_tasks() that have no parameter here.
-- Most tasks are inserted directly, which is two thirds of the cost. submit_tasks() does all else and says what is wrong.
-- What may_be() lets through no CHECK of the table refuses, so this needs no subtransaction.
-- Locks and errors: those of submit_tasks().
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
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_mine text [] := session_tenants();
    v_tenant text := coalesce(p_tenant_id, default_tenant(v_mine));
    v_is_plain boolean := p_tool <> '' AND p_prompt <> '' AND may_be('prompt', to_jsonb(p_prompt))
        AND may_be('tenant_id', to_jsonb(v_tenant)) AND (v_mine IS NULL OR v_tenant = ANY(v_mine)) AND p_more = '{}'
        AND num_nonnulls(p_input_files, p_output_files, p_scheduled_at, p_delay_s, p_session_id, p_retry_on) = 0;
BEGIN
    -- Each expression is prepared once in a transaction, this one for 15 us: so it stands alone.
    IF v_is_plain AND num_nonnulls(p_model, p_account, p_queue, p_priority, p_labels, p_permission, p_timeout_s,
        p_stall_timeout_s, p_max_attempts, p_backoff_s, p_idempotency_key, p_fallback_model) > 0 THEN
        v_is_plain := may_be('model', to_jsonb(p_model)) AND may_be('account', to_jsonb(p_account))
            AND may_be('queue', to_jsonb(p_queue)) AND may_be('priority', to_jsonb(p_priority))
            AND may_be('labels', p_labels) AND may_be('permission', to_jsonb(p_permission))
            AND may_be('timeout_s', to_jsonb(p_timeout_s)) AND may_be('max_attempts', to_jsonb(p_max_attempts))
            AND may_be('stall_timeout_s', to_jsonb(p_stall_timeout_s)) AND may_be('backoff_s', to_jsonb(p_backoff_s))
            AND may_be('idempotency_key', to_jsonb(p_idempotency_key))
            AND may_be('fallback_model', to_jsonb(p_fallback_model));
    END IF;
    IF v_is_plain THEN
        INSERT INTO tasks (
            tool, prompt, model, account, tenant_id, queue, priority, name, labels, permission, workdir, timeout_s,
            stall_timeout_s, max_attempts, backoff_s, idempotency_key, fallback_model
        )
        SELECT p_tool, p_prompt, p_model, p_account, v_tenant, coalesce(p_queue, 'default'), coalesce(p_priority, 5),
            p_name, coalesce(nullif(p_labels, 'null'), '{}'), coalesce(p_permission, 'edit'), p_workdir, p_timeout_s,
            p_stall_timeout_s, coalesce(p_max_attempts, 3), coalesce(p_backoff_s, 30), p_idempotency_key,
            p_fallback_model
        WHERE EXISTS (
            SELECT FROM worker_groups WHERE tool = p_tool AND (p_account IS NULL OR account_name = p_account)
        ) AND (p_model IS NULL OR EXISTS (
            SELECT FROM tools AS known WHERE known.name = p_tool AND (models = '{}' OR p_model = ANY(models))
        ))
        ON CONFLICT (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
        RETURNING tasks.id, tasks.number, 'queued', true, true INTO id, number, status, created, same;
        IF FOUND THEN
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;
    RETURN QUERY SELECT id, number, status, created, same FROM submit_tasks(jsonb_build_array(jsonb_build_object(
        'tool', p_tool, 'prompt', p_prompt, 'model', p_model, 'account', p_account, 'tenant_id', p_tenant_id,
        'queue', p_queue, 'priority', p_priority, 'name', p_name, 'labels', p_labels,
        'input_files', p_input_files, 'output_files', p_output_files, 'permission', p_permission,
        'workdir', p_workdir, 'timeout_s', p_timeout_s, 'stall_timeout_s', p_stall_timeout_s,
        'max_attempts', p_max_attempts, 'backoff_s', p_backoff_s, 'scheduled_at', p_scheduled_at,
        'delay_s', p_delay_s, 'idempotency_key', p_idempotency_key, 'session_id', p_session_id,
        'retry_on', to_jsonb(p_retry_on), 'fallback_model', p_fallback_model) || p_more));
END
$$;
