-- INTERNAL queued_tasks(tasks, tenant, ids, numbers, created): the rows that submit_tasks() returns: for each task the
-- one that was created, or the first one with its idempotency key. `tenant` is that of tasks that name none.
-- It is a later statement than the INSERT, so it sees a task that another transaction committed while the INSERT waited.
-- Raises 40001 if the first task of a key was deleted at this moment.
CREATE OR REPLACE FUNCTION queued_tasks(
    p_tasks jsonb, p_tenant text, p_ids uuid [], p_numbers bigint [], p_created boolean []
)
RETURNS TABLE (ordinal bigint, id uuid, number bigint, status text, created boolean, same boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_found bigint;
BEGIN
    IF false <> ALL(p_created) THEN
        RETURN QUERY
        SELECT position, id, number, 'queued', true, true
        FROM unnest(p_ids, p_numbers) WITH ORDINALITY AS created (id, number, position)
        ORDER BY position;
        RETURN;
    END IF;
    -- LIMIT keeps the look-ups look-ups: a join planned while tasks was empty would walk the whole index.
    RETURN QUERY
    SELECT given.position, found.id, found.number, found.status, asked.created,
        asked.created OR (found.tool, coalesce(found.model, ''), found.prompt)
        = (given.task ->> 'tool', coalesce(given.task ->> 'model', ''), given.task ->> 'prompt')
    FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS given (task, position)
    JOIN unnest(p_ids, p_created) WITH ORDINALITY AS asked (id, created, position) USING (position)
    CROSS JOIN LATERAL (
        SELECT tasks.* FROM tasks WHERE tasks.id = CASE WHEN asked.created THEN asked.id ELSE (
            SELECT first.id FROM tasks AS first
            WHERE first.tenant_id = coalesce(given.task ->> 'tenant_id', p_tenant)
                AND first.idempotency_key = given.task ->> 'idempotency_key'
        ) END LIMIT 1
    ) AS found
    ORDER BY given.position;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    IF v_found < cardinality(p_ids) THEN
        RAISE EXCEPTION 'the first task of an idempotency key was deleted at this moment: submit again'
            USING ERRCODE = 'serialization_failure';
    END IF;
END
$$;
