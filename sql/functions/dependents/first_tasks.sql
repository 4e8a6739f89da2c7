-- INTERNAL first_tasks(tasks, count): returns the first of these tasks, as submit_tasks() takes them, so that they can be
-- submitted without the others: they come after no step of those. Only explain_refusal() calls this.
CREATE OR REPLACE FUNCTION first_tasks(p_tasks jsonb, p_count bigint) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    WITH given AS MATERIALIZED (
        SELECT task, place FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS listed (task, place)
    ), left_out AS MATERIALIZED (
        SELECT array_agg(task ->> 'step') AS steps FROM given
        WHERE place > p_count AND task ->> 'step' <> ALL(ARRAY(
            SELECT kept.task ->> 'step' FROM given AS kept WHERE kept.place <= p_count AND kept.task ->> 'step' IS NOT NULL))
    )
    SELECT jsonb_agg(task || coalesce((
            SELECT jsonb_object_agg(key, coalesce((
                SELECT jsonb_agg(need) FROM jsonb_array_elements(value) AS need
                WHERE coalesce(need ->> 'task', need #>> '{}') <> ALL(steps)
            ), '[]'))
            FROM jsonb_each(CASE jsonb_typeof(task) WHEN 'object' THEN task ELSE '{}' END)
            WHERE key IN ('after', 'after_any', 'after_failed', 'after_tree', 'input_from') AND jsonb_typeof(value) = 'array'
                AND steps IS NOT NULL
        ), '{}') ORDER BY place)
    FROM given CROSS JOIN left_out WHERE place <= p_count
$$;
