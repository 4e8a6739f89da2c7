-- API submit_tasks(tasks): queues many tasks in one statement; all of them or none.
--
-- tasks is a JSON array of objects with the keys that task_keys() lists. One with `hold` waits until somebody releases it.
-- Returns one row for each element, in order.
-- A task whose idempotency key its tenant has used before is not queued again: its row shows the first task with
-- created = false, and same = false if tool, model or prompt differ from it.
-- Locks: if two transactions submit the same key at once, the second waits for the end of the first; no other producer
-- waits. Rows are inserted in the order of their tenants and keys, so that two batches cannot deadlock; numbers still
-- follow the order of the array.
-- Its settings keep the cost of a call the same when the table has grown since the session planned it.
-- Raises LD400 for bad input, 42501 for a tenant that the session's role may not act for and (from the trigger) for a
-- session that none of its tenants had, 40001 if the first task of a key was deleted at that moment (submit again).
CREATE OR REPLACE FUNCTION submit_tasks(p_tasks jsonb)
RETURNS TABLE (ordinal bigint, id uuid, number bigint, status text, created boolean, same boolean)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    v_tenant text;
    v_ids uuid [];
    v_numbers bigint [];
    v_created boolean [];
BEGIN
    v_tenant := require_queueable(p_tasks);
    BEGIN
        -- Keys are taken out one by one: jsonb_to_record() would look up the types of all columns at each call.
        WITH given AS MATERIALIZED (
            SELECT position, gen_random_uuid() AS id, nextval('tasks_number_seq') AS number, task,
                coalesce(task ->> 'tenant_id', v_tenant) AS tenant_id, task ->> 'idempotency_key' AS idempotency_key
            FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS listed (task, position)
        ), inserted AS (
            INSERT INTO tasks AS queued (
                id, number, tool, prompt, model, account, tenant_id, queue, priority, name, labels, input_files,
                output_files, permission, workdir, timeout_s, stall_timeout_s, max_attempts, backoff_s,
                scheduled_at, idempotency_key, session_id, asked_session, retry_on, fallback_model, wait_reason,
                repository, ref, no_changes, setup_command, check_command, setup_timeout_s, check_timeout_s, approve,
                workflow, on_unmet, input_from, spawns, tree, hooks
            )
            OVERRIDING SYSTEM VALUE
            SELECT id, number, task ->> 'tool', task ->> 'prompt', task ->> 'model', task ->> 'account', tenant_id,
                coalesce(task ->> 'queue', 'default'), coalesce((task ->> 'priority')::smallint, 5), task ->> 'name',
                coalesce(nullif(task -> 'labels', 'null'), '{}'), jsonb_path_query_array(task, '$.input_files[*].path'),
                coalesce(nullif(task -> 'output_files', 'null'), '[]'), coalesce(task ->> 'permission', 'edit'),
                task ->> 'workdir', (task ->> 'timeout_s')::integer, (task ->> 'stall_timeout_s')::integer,
                coalesce((task ->> 'max_attempts')::integer, 3), coalesce((task ->> 'backoff_s')::real, 30),
                coalesce((task ->> 'scheduled_at')::timestamptz,
                    clock() + make_interval(secs => (task ->> 'delay_s')::double precision)),
                idempotency_key, task ->> 'session_id', task ->> 'session_id',
                CASE WHEN jsonb_typeof(task -> 'retry_on') = 'array'
                    THEN ARRAY(SELECT jsonb_array_elements_text(task -> 'retry_on')) END, task ->> 'fallback_model',
                CASE
                    WHEN task -> 'hold' = 'true' THEN 'held'
                    WHEN task ?| '{after,after_any,after_failed,after_tree,input_from}'::text [] THEN 'dependency'
                END,
                task ->> 'repository', task ->> 'ref', task ->> 'no_changes', task ->> 'setup_command',
                task ->> 'check_command', (task ->> 'setup_timeout_s')::integer, (task ->> 'check_timeout_s')::integer,
                coalesce((task ->> 'approve')::boolean, false), task ->> 'workflow', task ->> 'on_unmet',
                nullif(task -> 'input_from', 'null'), task ->> 'spawns',
                CASE WHEN task ->> 'spawns' IS NOT NULL THEN id END,
                CASE WHEN jsonb_typeof(task -> 'hooks') = 'array'
                    THEN ARRAY(SELECT jsonb_array_elements_text(task -> 'hooks')) END
            FROM given ORDER BY tenant_id, idempotency_key, number
            ON CONFLICT (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
            RETURNING queued.id
        )
        SELECT array_agg(id), array_agg(number), array_agg(created) INTO v_ids, v_numbers, v_created
        FROM (
            SELECT id, number, inserted.id IS NOT NULL AS created
            FROM given LEFT JOIN inserted USING (id) ORDER BY position
        ) AS queued;
        PERFORM file_inputs(p_tasks, v_ids, v_created);
        PERFORM file_trees(p_tasks, v_ids, v_created);
        PERFORM file_needs(p_tasks, v_ids, v_created, v_tenant);
    EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN
        RAISE EXCEPTION 'a task was not understood: %', sqlerrm USING ERRCODE = 'LD400';
    END;
    RETURN QUERY SELECT * FROM queued_tasks(p_tasks, v_tenant, v_ids, v_numbers, v_created);
END
$$;
