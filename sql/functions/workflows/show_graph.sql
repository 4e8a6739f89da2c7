-- API show_graph(task, most): returns a task and all tasks that are connected with it as show_workflow() does, whatever
-- their workflow: those that it comes after and that come after it, what it spawned and by what it was spawned, and so on.
-- `name` is null. `is_cut`: there are more than `most`, and these are nearest.
-- Cost: that of those tasks, and of what they need and who needs them.
-- Raises LD404 for a task that does not exist, and LD400 for `most` outside of 1 to 10,000.
CREATE OR REPLACE FUNCTION show_graph(p_task text, p_most integer DEFAULT 1000) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_root uuid := find_task(p_task);
    v_found uuid [];
BEGIN
    IF p_most IS NULL OR p_most NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION '% is not a valid number of tasks: expected one from 1 to 10000', coalesce(p_most::text, 'null')
            USING ERRCODE = 'LD400';
    END IF;
    -- The nearest come first: a recursive query looks at a step after the one before it, and no further than it is asked.
    v_found := ARRAY(
        WITH RECURSIVE found AS (
            SELECT v_root AS id
            UNION
            SELECT near.id FROM found CROSS JOIN LATERAL (
                (SELECT needs AS id FROM task_dependencies WHERE task_id = found.id)
                UNION ALL
                (SELECT task_id FROM task_dependencies WHERE needs = found.id LIMIT p_most + 1)
                UNION ALL
                (SELECT parent FROM tasks WHERE tasks.id = found.id AND parent IS NOT NULL)
                UNION ALL
                (SELECT tasks.id FROM tasks WHERE parent = found.id LIMIT p_most + 1)
            ) AS near
        )
        SELECT id FROM found LIMIT p_most + 1
    );
    RETURN jsonb_build_object(
        'name', NULL, 'tenant_id', (SELECT tenant_id FROM tasks WHERE id = v_root), 'is_cut', cardinality(v_found) > p_most
    ) || graph_of(ARRAY(SELECT number FROM tasks WHERE id = ANY(v_found[:p_most]) ORDER BY number), false);
END
$$;
