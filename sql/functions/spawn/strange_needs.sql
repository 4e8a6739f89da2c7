-- INTERNAL strange_needs(task, rows): returns which rows, see spawn_tasks(), need what they must not: a task that is neither
-- a step of the rows nor in the tree of the task, or one that would wait for the row itself. That is so if it comes
-- after the tree of a task above the row, at once or through others.
CREATE OR REPLACE FUNCTION strange_needs(p_task uuid, p_rows jsonb)
RETURNS TABLE (place bigint, line bigint, complaint text)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_tasks jsonb := jsonb_path_query_array(p_rows, '$[*].task');
    v_above uuid [] := p_task || tasks_above(ARRAY[p_task]);
    v_tree uuid := (SELECT tree FROM tasks WHERE id = p_task);
BEGIN
    RETURN QUERY
    WITH asked AS (
        SELECT DISTINCT needed.place, name, kind FROM needs_as_given(v_tasks) AS needed
        WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(v_tasks) AS task WHERE task ->> 'step' = name)
    ), named AS (
        SELECT asked.*, t.id, t.tree FROM asked
        LEFT JOIN tasks AS t ON t.number = CASE WHEN asked.name ~ '^[0-9]{1,18}$' THEN asked.name::bigint END AND t.tree = v_tree
    )
    SELECT named.place, coalesce((p_rows -> (named.place - 1)::integer ->> 'line')::bigint, named.place), CASE
        WHEN id IS NULL
            THEN format('%s is neither a step of this file nor the number of a task of its tree', quote_literal(name))
        WHEN kind = 'tree' AND id = ANY(v_above) OR waits_for_tree(id, v_above)
            THEN format('it would wait for itself: task %s needs all tasks that task %s spawns', name,
                (SELECT number FROM tasks WHERE tasks.id = p_task))
    END
    FROM named;
END
$$;
