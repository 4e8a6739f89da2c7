-- INTERNAL tries_as_tasks(task, variants, pick, judge): returns what submit_tries() submits, as submit_tasks() takes it:
-- the tries, and the judge as the last one. A try of another tool has no model that was meant for the task's own.
CREATE OR REPLACE FUNCTION tries_as_tasks(p_task jsonb, p_variants jsonb, p_pick text, p_judge jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    SELECT jsonb_agg(task ORDER BY place) FROM (
        SELECT place, p_task - CASE
                WHEN variant ->> 'tool' <> p_task ->> 'tool' THEN '{model,fallback_model,account}'::text [] ELSE '{}'
            END || jsonb_strip_nulls(variant) || CASE
                WHEN p_task ->> 'idempotency_key' IS NULL THEN '{}'
                ELSE jsonb_build_object('idempotency_key', format('%s#%s', p_task ->> 'idempotency_key', place))
            END AS task
        FROM jsonb_array_elements(p_variants) WITH ORDINALITY AS given (variant, place)
        UNION ALL
        SELECT 1000, jsonb_strip_nulls(jsonb_build_object(
            'tool', coalesce(p_variants -> 0 ->> 'tool', p_task ->> 'tool'), 'permission', 'read',
            'name', 'judge of ' || (p_task ->> 'name'), 'labels', p_task -> 'labels', 'queue', p_task -> 'queue',
            'priority', p_task -> 'priority', 'idempotency_key', (p_task ->> 'idempotency_key') || '#judge'
        )) || coalesce(p_judge, '{}') || jsonb_build_object('tenant_id', p_task -> 'tenant_id', 'prompt', concat(
            coalesce(p_judge ->> 'prompt',
                'Choose the best one: it does what was asked, completely and correctly, and changes nothing else.'),
            e'\n\nSeveral agents tried the same task. Each file tries/NUMBER.txt is the answer of one of them, and '
            'tries/NUMBER.patch is what it changed. Compare them. End your answer with the number of the one that '
            'you choose, on a line of its own:\n\nPICK: NUMBER\n\nThe task was:\n\n', p_task ->> 'prompt'
        ))
        WHERE p_pick = 'judge'
    ) AS tasks (place, task)
$$;
