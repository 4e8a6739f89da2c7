-- TRIGGER tasks_inserted(): files the lanes that got work and the labels, keeps the tallies, wakes dispatchers (for a
-- task of the future, too: their timer must be set to it) and tells watchers. Only edit_tasks() changes labels later.
-- One task is filed without grouping, which is half of the cost for one task and changes nothing in what is filed.
-- Locks nothing that another producer waits for. Raises 42501 for a tenant of others, and for a session or a run
-- of others to continue. (A reply gets its run after it was inserted.)
CREATE OR REPLACE FUNCTION tasks_inserted() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    v_mine text [] := session_tenants();
    v_sessions text [];
    v_is_one boolean;
    v_has_labels boolean;
BEGIN
    IF v_mine IS NOT NULL AND EXISTS (
        SELECT FROM new_rows WHERE (tenant_id = ANY(v_mine)) IS NOT TRUE
            OR num_nonnulls(asked_session, session_id, continues, resumes) > 0
    ) THEN
        PERFORM require_tenants(ARRAY(SELECT DISTINCT tenant_id FROM new_rows), v_mine);
        v_sessions := ARRAY(
            SELECT DISTINCT session FROM new_rows, unnest(ARRAY[asked_session, session_id]) AS session
            WHERE session IS NOT NULL
        );
        IF v_sessions <> '{}' THEN
            PERFORM require_sessions(v_sessions);
        END IF;
        IF EXISTS (SELECT FROM new_rows WHERE continues IS NOT NULL OR resumes IS NOT NULL) THEN
            RAISE EXCEPTION '% may not name a run to continue', session_name()
                USING ERRCODE = 'insufficient_privilege', HINT = 'reply to a task instead: reply_task(task, prompt)';
        END IF;
    END IF;

    SELECT count(*) = 1, bool_or(labels <> '{}') INTO v_is_one, v_has_labels
    FROM (SELECT labels FROM new_rows LIMIT 2) AS first_two;
    IF v_has_labels OR NOT v_is_one THEN
        INSERT INTO task_labels (label, number)
        SELECT DISTINCT label_hash(key, value), number
        FROM new_rows CROSS JOIN jsonb_each_text(labels) WHERE labels <> '{}';
    END IF;
    IF v_is_one THEN
        INSERT INTO lane_inbox (lane, tool, account, model, tenant_id, queue, priority, workflow, number, created_at)
        SELECT lane, tool, account, model, tenant_id, queue, priority, workflow, number, created_at
        FROM new_rows WHERE status = 'queued' AND wait_reason IS NULL;
        INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
        SELECT tenant_id, tool, CASE state WHEN 'queued' THEN coalesce(account, '') ELSE '' END, queue,
            CASE state WHEN 'submitted' THEN state ELSE coalesce(wait_reason, state) END, 1
        FROM new_rows, unnest(ARRAY[status, 'submitted']) AS state;
        PERFORM pg_notify('task_ready', tool), pg_notify('task_event', task_event(status, ARRAY[number]))
        FROM new_rows;
        RETURN NULL;
    END IF;
    INSERT INTO lane_inbox (lane, tool, account, model, tenant_id, queue, priority, workflow, number, created_at)
    SELECT lane, tool, account, model, tenant_id, queue, priority, workflow, min(number), min(created_at)
    FROM new_rows WHERE status = 'queued' AND wait_reason IS NULL
    GROUP BY lane, tool, account, model, tenant_id, queue, priority, workflow;
    WITH alike AS (
        SELECT tenant_id, tool, CASE WHEN status = 'queued' THEN coalesce(account, '') ELSE '' END AS account,
            queue, coalesce(wait_reason, status) AS state, count(*) AS tasks
        FROM new_rows GROUP BY 1, 2, 3, 4, 5
    )
    INSERT INTO task_tally_inbox (tenant_id, tool, account, queue, state, tasks)
    SELECT * FROM alike
    UNION ALL
    SELECT tenant_id, tool, '', queue, 'submitted', sum(tasks) FROM alike GROUP BY tenant_id, tool, queue;
    PERFORM pg_notify('task_ready', tool) FROM (SELECT DISTINCT tool FROM new_rows) AS tools_with_work;
    PERFORM notify_task_event(status, array_agg(number ORDER BY number)) FROM new_rows GROUP BY status;
    RETURN NULL;
END
$$;
