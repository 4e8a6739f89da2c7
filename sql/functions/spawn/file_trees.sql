-- INTERNAL file_trees(tasks, ids, created): writes down what the trees of those tasks that were created may take which
-- may spawn others, see submit_tasks(). Each is the root of its tree, and has its own id in tasks.tree.
CREATE OR REPLACE FUNCTION file_trees(p_tasks jsonb, p_ids uuid [], p_created boolean []) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF NOT p_tasks @? '$[*].spawns ? (@ != null)' THEN
        RETURN;
    END IF;
    INSERT INTO task_trees (root, max_depth, max_children, max_tasks, max_cost_usd, max_tokens, tools)
    SELECT id, coalesce((limits ->> 'depth')::integer, 2), coalesce((limits ->> 'children')::integer, 50),
        coalesce((limits ->> 'tasks')::integer, 200), (limits ->> 'cost_usd')::numeric, (limits ->> 'tokens')::bigint,
        CASE WHEN jsonb_typeof(limits -> 'tools') = 'array'
            THEN ARRAY(SELECT jsonb_array_elements_text(limits -> 'tools')) END
    FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS given (task, place)
    JOIN unnest(p_ids, p_created) WITH ORDINALITY AS queued (id, created, place) USING (place)
    CROSS JOIN LATERAL (SELECT CASE jsonb_typeof(task -> 'spawn_limits') WHEN 'object' THEN task -> 'spawn_limits' END AS limits) AS asked
    WHERE created AND task ->> 'spawns' IS NOT NULL;
END
$$;
