-- submit_tasks(tasks): queues many tasks in one statement; all of them or none.
--
-- tasks is a JSON array of objects with the keys of submit_task()'s parameters. Answers one row for each element,
-- in order. A task whose idempotency key its tenant has used before is not queued again: its row shows the first
-- task with created = false, and same = false if tool, model or prompt differ from it.
-- Waits, when two transactions submit the same key at once, for the first of them to end.
-- Locks: none that another producer waits for, but for that. Rows are inserted in the order of their tenants and keys,
-- so that two batches cannot deadlock; numbers follow the order of the array all the same.
-- Raises LD400 for bad input, 42501 for a tenant that the session's role may not act for, 40001 if the first task of a key was deleted at that moment (submit again).
CREATE OR REPLACE FUNCTION submit_tasks(p_tasks jsonb)
RETURNS TABLE (ordinal bigint, id uuid, number bigint, status text, created boolean, same boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    bad record;
    pair record;
    v_tenant text := default_tenant();
    v_ids uuid [];
    v_tenants text [];
    v_keys text [];
    v_digests text [];
    v_created boolean [];
    v_answered bigint;
BEGIN
    IF jsonb_typeof(p_tasks) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION 'submit_tasks takes a JSON array of tasks' USING ERRCODE = 'LD400';
    END IF;
    SELECT given.position, complaint_about(given.task) AS complaint INTO bad
    FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS given (task, position)
    WHERE complaint_about(given.task) IS NOT NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%', CASE WHEN jsonb_array_length(p_tasks) > 1 THEN format('task %s: ', bad.position) ELSE '' END
            || bad.complaint USING ERRCODE = 'LD400';
    END IF;
    PERFORM require_tenants(ARRAY(
        SELECT DISTINCT coalesce(task ->> 'tenant_id', v_tenant) FROM jsonb_array_elements(p_tasks) AS task
    ));
    FOR pair IN
        SELECT DISTINCT task ->> 'tool' AS tool, task ->> 'account' AS account
        FROM jsonb_array_elements(p_tasks) AS task
    LOOP
        PERFORM require_served(pair.tool, pair.account);
    END LOOP;
    PERFORM require_error_classes(ARRAY(
        SELECT DISTINCT name FROM jsonb_array_elements(p_tasks) AS task,
            jsonb_array_elements_text(nullif(task -> 'retry_on', 'null')) AS name
    ));

    BEGIN
        WITH given AS MATERIALIZED (
            SELECT position, gen_random_uuid() AS id, nextval('tasks_number_seq') AS number, parsed.*
            FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS listed (task, position),
                jsonb_to_record(task) AS parsed (
                    tool text, prompt text, model text, account text, tenant_id text, queue text,
                    priority smallint, name text, labels jsonb, input_files jsonb, output_files jsonb,
                    permission text, workdir text, timeout_s integer, stall_timeout_s integer,
                    max_attempts integer, backoff_s real, scheduled_at timestamptz, delay_s double precision,
                    idempotency_key text, session_id text, retry_on text [], fallback_model text
                )
        ), inserted AS (
            INSERT INTO tasks AS task (
                id, number, tool, prompt, model, account, tenant_id, queue, priority, name, labels, input_files,
                output_files, permission, workdir, timeout_s, stall_timeout_s, max_attempts, backoff_s,
                scheduled_at, idempotency_key, session_id, asked_session, retry_on, fallback_model
            )
            OVERRIDING SYSTEM VALUE
            SELECT id, number, tool, prompt, model, account, coalesce(tenant_id, v_tenant),
                coalesce(queue, 'default'), coalesce(priority, 5), name, coalesce(labels, '{}'),
                coalesce((
                    SELECT jsonb_agg(file ->> 'path') FROM jsonb_array_elements(input_files) AS file
                ), '[]'),
                coalesce(output_files, '[]'), coalesce(permission, 'edit'), workdir, timeout_s, stall_timeout_s,
                coalesce(max_attempts, 3), coalesce(backoff_s, 30),
                coalesce(scheduled_at, clock() + make_interval(secs => delay_s)), idempotency_key, session_id,
                session_id, retry_on, fallback_model
            FROM given ORDER BY coalesce(tenant_id, v_tenant), idempotency_key, number
            ON CONFLICT (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
            RETURNING task.id
        ), filed AS (
            INSERT INTO task_files (task_id, path, is_input, content, size_bytes, sha256, mode)
            SELECT given.id, file ->> 'path', true, content, octet_length(content),
                encode(sha256(content), 'hex'), coalesce((file ->> 'mode')::integer, 420)
            FROM inserted JOIN given USING (id), jsonb_array_elements(given.input_files) AS file,
                coalesce(
                    decode(file ->> 'content_base64', 'base64'), convert_to(file ->> 'content', 'UTF8')
                ) AS content
            WHERE jsonb_typeof(given.input_files) = 'array'
        )
        SELECT array_agg(given.id ORDER BY position),
            array_agg(coalesce(given.tenant_id, v_tenant) ORDER BY position),
            array_agg(given.idempotency_key ORDER BY position),
            array_agg(
                CASE WHEN given.idempotency_key IS NOT NULL
                    THEN md5(given.tool || chr(31) || coalesce(given.model, '') || chr(31) || given.prompt)
                END ORDER BY position),
            array_agg(inserted.id IS NOT NULL ORDER BY position)
        INTO v_ids, v_tenants, v_keys, v_digests, v_created
        FROM given LEFT JOIN inserted USING (id);
    EXCEPTION
        WHEN data_exception OR integrity_constraint_violation THEN
            RAISE EXCEPTION 'a task was not understood: %', sqlerrm USING ERRCODE = 'LD400';
    END;

    -- A later statement, so that it sees the task which another transaction committed while we waited for it.
    RETURN QUERY
    SELECT given.position, task.id, task.number, task.status, given.created,
        given.created OR given.digest
        = md5(task.tool || chr(31) || coalesce(task.model, '') || chr(31) || task.prompt)
    FROM unnest(v_ids, v_tenants, v_keys, v_digests, v_created)
        WITH ORDINALITY AS given (id, tenant_id, idempotency_key, digest, created, position)
    JOIN tasks AS task ON task.id = CASE WHEN given.created THEN given.id ELSE (
        SELECT first.id FROM tasks AS first
        WHERE first.tenant_id = given.tenant_id AND first.idempotency_key = given.idempotency_key
    ) END
    ORDER BY given.position;
    GET DIAGNOSTICS v_answered = ROW_COUNT;
    IF v_answered < cardinality(v_ids) THEN
        RAISE EXCEPTION 'the first task of an idempotency key was deleted at this moment: submit again'
            USING ERRCODE = 'serialization_failure';
    END IF;
END
$$;
