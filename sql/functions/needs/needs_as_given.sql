-- INTERNAL needs_as_given(tasks): returns what each of these tasks, as submit_tasks() takes them, needs: its place, the
-- kind of the need, and the name of the other task as it was given. A file of another task (input_from) needs its success.
CREATE OR REPLACE FUNCTION needs_as_given(p_tasks jsonb) RETURNS TABLE (place bigint, kind text, name text)
LANGUAGE sql IMMUTABLE
AS $$
    SELECT place, key.kind, need #>> '{}'
    FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS given (task, place)
    CROSS JOIN (
        VALUES ('after', 'succeeded'), ('after_any', 'ended'), ('after_failed', 'failed'), ('after_tree', 'tree')
    ) AS key (key, kind)
    CROSS JOIN jsonb_array_elements(CASE jsonb_typeof(task -> key) WHEN 'array' THEN task -> key ELSE '[]' END) AS need
    UNION
    SELECT place, CASE WHEN file -> 'of_tree' = 'true' THEN 'tree' ELSE 'succeeded' END, file ->> 'task'
    FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS given (task, place)
    CROSS JOIN jsonb_array_elements(
        CASE jsonb_typeof(task -> 'input_from') WHEN 'array' THEN task -> 'input_from' ELSE '[]' END) AS file
    WHERE NOT EXISTS (
        SELECT FROM jsonb_array_elements(
            CASE jsonb_typeof(task -> 'after_any') WHEN 'array' THEN task -> 'after_any' ELSE '[]' END) AS need
        WHERE need #>> '{}' = file ->> 'task')
$$;
