-- INTERNAL named_needs(tasks, ids, created, tenant, names): returns the task that each name means: a step of the batch, also one
-- that is known by its idempotency key, or else a task by its number or the beginning of its uuid. Only file_needs() calls
-- this. Raises LD400 and LD404, see there.
CREATE OR REPLACE FUNCTION named_needs(
    p_tasks jsonb, p_ids uuid [], p_created boolean [], p_tenant text, p_names text []
) RETURNS uuid []
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_steps jsonb;
    v_twice text;
    v_unknown text;
    v_known jsonb;
BEGIN
    SELECT coalesce(jsonb_object_agg(step, id), '{}'), min(step) FILTER (WHERE times > 1) INTO v_steps, v_twice
    FROM (
        SELECT task ->> 'step' AS step, count(*) AS times, min(CASE WHEN p_created[place] THEN p_ids[place] ELSE (
                SELECT first.id FROM tasks AS first
                WHERE first.tenant_id = coalesce(task ->> 'tenant_id', p_tenant)
                    AND first.idempotency_key = task ->> 'idempotency_key'
            ) END::text) AS id
        FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS given (task, place)
        WHERE task ->> 'step' IS NOT NULL GROUP BY 1
    ) AS steps;
    IF v_twice IS NOT NULL THEN
        RAISE EXCEPTION 'two tasks have the step %', quote_literal(v_twice) USING ERRCODE = 'LD400';
    END IF;
    SELECT min(name) INTO v_unknown FROM unnest(p_names) AS name
    WHERE NOT v_steps ? name AND name !~* '^([0-9]{1,18}|[0-9a-f]{4,8}[0-9a-f-]*)$';
    IF v_unknown IS NOT NULL THEN
        RAISE EXCEPTION '% is neither a step of these tasks nor the number of a task', quote_literal(v_unknown)
            USING ERRCODE = 'LD400', HINT = CASE v_steps WHEN '{}' THEN 'give a task of the file a "step" to name it so'
                ELSE 'its steps are ' || (SELECT string_agg(step, ', ' ORDER BY step) FROM (
                    SELECT jsonb_object_keys(v_steps) AS step LIMIT 20) AS first_ones) END;
    END IF;
    SELECT jsonb_object_agg(name, coalesce(v_steps ->> name, find_task(name)::text)) INTO v_known
    FROM (SELECT DISTINCT unnest(p_names) AS name) AS distinct_names;
    RETURN ARRAY(SELECT (v_known ->> name)::uuid FROM unnest(p_names) WITH ORDINALITY AS asked (name, place) ORDER BY place);
END
$$;
