-- INTERNAL file_task_news(tasks, types): writes for each of these tasks what has become of it, once for each hook that
-- hears it, and notes the workflows of those that ended. It is delivered once the transaction is committed.
-- What waits behind an earlier event of its task is not due before that. The order does not depend on it, but what
-- waits is then not looked at.
CREATE OR REPLACE FUNCTION file_task_news(p_ids uuid [], p_types text []) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_now timestamptz := clock();
    v_told boolean;
BEGIN
    WITH news AS MATERIALIZED (
        SELECT gen_random_uuid() AS event, given.type, t.id, t.number, t.hooks AS named, jsonb_build_object(
            'tenant', tenant_id, 'queue', queue, 'workflow', workflow, 'tool', tool, 'labels', labels) AS facts
        FROM unnest(p_ids, p_types) AS given (id, type) JOIN tasks AS t USING (id)
    )
    INSERT INTO hook_deliveries (hook, event, type, subject, payload, at, due_at)
    SELECT h.name, event, type, 'task:' || news.number,
        jsonb_build_object('task', task_in_news(news.id, h.content)), v_now,
        coalesce((
            SELECT greatest(max(due_at), v_now) FROM hook_deliveries AS d
            WHERE d.hook = h.name AND d.subject = 'task:' || news.number AND d.state = 'pending'
        ), v_now)
    FROM news JOIN hooks AS h ON hook_hears(h, type, facts) AND (NOT h.named OR h.name = ANY(news.named))
    ORDER BY news.number;
    v_told := FOUND;
    IF EXISTS (SELECT FROM hooks WHERE 'workflow.done' = ANY(events) AND disabled_reason IS NULL) THEN
        INSERT INTO workflow_inbox (tenant_id, workflow)
        SELECT DISTINCT tenant_id, workflow
        FROM unnest(p_ids, p_types) AS given (id, type) JOIN tasks USING (id)
        WHERE workflow IS NOT NULL AND type IN ('task.finished', 'task.failed', 'task.canceled');
        v_told := v_told OR FOUND;
    END IF;
    IF v_told THEN
        PERFORM pg_notify('hook_ready', '');
    END IF;
END
$$;
