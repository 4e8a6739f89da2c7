-- API submit_tasks(tasks): queues many tasks in one statement; all of them or none.
--
-- tasks is a JSON array of objects with the keys that c_keys lists. Returns one row for each element, in order.
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
    -- All keys of a task, and the kinds of their values, see complaint_about().
    c_keys CONSTANT jsonb := '{
        "tool": "text", "prompt": "prompt", "model": "argument", "fallback_model": "argument", "account": "word",
        "tenant_id": "word", "queue": "word", "priority": "priority", "name": "text", "labels": "object",
        "input_files": "input files", "output_files": "output files", "permission": ["read", "edit", "full"],
        "workdir": "text", "timeout_s": "count", "stall_timeout_s": "count", "max_attempts": "count",
        "backoff_s": "seconds", "retry_on": "error classes", "scheduled_at": "moment", "delay_s": "seconds",
        "idempotency_key": "key", "session_id": "session"
    }';
    v_complaint text;
    v_mine text [] := session_tenants();
    v_tenant text := default_tenant(v_mine);
    v_ids uuid [];
    v_numbers bigint [];
    v_created boolean [];
    v_found bigint;
BEGIN
    IF jsonb_typeof(p_tasks) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'submit_tasks() needs a JSON array of tasks' USING ERRCODE = 'LD400';
    END IF;
    v_complaint := first_complaint(p_tasks, c_keys);
    IF v_complaint IS NOT NULL THEN
        RAISE EXCEPTION '%', v_complaint USING ERRCODE = 'LD400';
    END IF;
    IF v_mine IS NOT NULL THEN
        PERFORM require_tenants(ARRAY(
            SELECT DISTINCT coalesce(task ->> 'tenant_id', v_tenant) FROM jsonb_array_elements(p_tasks) AS task
        ));
    END IF;
    PERFORM require_served(p_tasks);
    IF p_tasks @? '$[*].retry_on ? (@ != null)' THEN
        PERFORM require_error_classes(ARRAY(
            SELECT DISTINCT name FROM jsonb_array_elements(p_tasks) AS task,
                jsonb_array_elements_text(nullif(task -> 'retry_on', 'null')) AS name
        ));
    END IF;

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
                scheduled_at, idempotency_key, session_id, asked_session, retry_on, fallback_model
            )
            OVERRIDING SYSTEM VALUE
            SELECT id, number, task ->> 'tool', task ->> 'prompt', task ->> 'model', task ->> 'account', tenant_id,
                coalesce(task ->> 'queue', 'default'), coalesce((task ->> 'priority')::smallint, 5), task ->> 'name',
                coalesce(nullif(task -> 'labels', 'null'), '{}'), jsonb_path_query_array(task, '$.input_files[*].path'),
                coalesce(nullif(task -> 'output_files', 'null'), '[]'), coalesce(task ->> 'permission', 'edit'),
                task ->> 'workdir', (task ->> 'timeout_s')::integer, (task ->> 'stall_timeout_s')::integer,
                coalesce((task ->> 'max_attempts')::integer, 3), coalesce((task ->> 'backoff_s')::real, 30),
                coalesce(
                    (task ->> 'scheduled_at')::timestamptz,
                    clock() + make_interval(secs => (task ->> 'delay_s')::double precision)
                ),
                idempotency_key, task ->> 'session_id', task ->> 'session_id',
                CASE WHEN jsonb_typeof(task -> 'retry_on') = 'array'
                    THEN ARRAY(SELECT jsonb_array_elements_text(task -> 'retry_on'))
                END,
                task ->> 'fallback_model'
            FROM given ORDER BY tenant_id, idempotency_key, number
            ON CONFLICT (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
            RETURNING queued.id
        ), filed AS (
            INSERT INTO task_files (task_id, path, is_input, content, size_bytes, sha256, mode)
            SELECT given.id, file ->> 'path', true, content, octet_length(content),
                encode(sha256(content), 'hex'), coalesce((file ->> 'mode')::integer, 420)
            FROM inserted JOIN given USING (id), jsonb_array_elements(task -> 'input_files') AS file,
                coalesce(
                    decode(file ->> 'content_base64', 'base64'), convert_to(file ->> 'content', 'UTF8')
                ) AS content
            WHERE jsonb_typeof(task -> 'input_files') = 'array'
        )
        SELECT array_agg(given.id ORDER BY position), array_agg(given.number ORDER BY position),
            array_agg(inserted.id IS NOT NULL ORDER BY position)
        INTO v_ids, v_numbers, v_created
        FROM given LEFT JOIN inserted USING (id);
    EXCEPTION
        WHEN data_exception OR integrity_constraint_violation THEN
            RAISE EXCEPTION 'a task was not understood: %', sqlerrm USING ERRCODE = 'LD400';
    END;

    IF false = ANY(v_created) THEN
        -- A later statement, so that it sees the task which another transaction committed while we waited for it.
        -- LIMIT keeps the look-ups look-ups: a join planned while tasks was empty would walk the whole index.
        RETURN QUERY
        SELECT given.position, found.id, found.number, found.status, attempted.created,
            attempted.created OR (found.tool, coalesce(found.model, ''), found.prompt)
            = (given.task ->> 'tool', coalesce(given.task ->> 'model', ''), given.task ->> 'prompt')
        FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS given (task, position)
        JOIN unnest(v_ids, v_created) WITH ORDINALITY AS attempted (id, created, position) USING (position)
        CROSS JOIN LATERAL (
            SELECT tasks.* FROM tasks WHERE tasks.id = CASE WHEN attempted.created THEN attempted.id ELSE (
                SELECT first.id FROM tasks AS first
                WHERE first.tenant_id = coalesce(given.task ->> 'tenant_id', v_tenant)
                    AND first.idempotency_key = given.task ->> 'idempotency_key'
            ) END LIMIT 1
        ) AS found
        ORDER BY given.position;
        GET DIAGNOSTICS v_found = ROW_COUNT;
        IF v_found < cardinality(v_ids) THEN
            RAISE EXCEPTION 'the first task of an idempotency key was deleted at this moment: submit again'
                USING ERRCODE = 'serialization_failure';
        END IF;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT position, id, number, 'queued', true, true
    FROM unnest(v_ids, v_numbers) WITH ORDINALITY AS created (id, number, position)
    ORDER BY position;
END
$$;
