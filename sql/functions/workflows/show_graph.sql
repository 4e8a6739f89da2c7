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
    v_found uuid [] := ARRAY[v_root];
    v_front uuid [] := ARRAY[v_root];
    v_is_cut boolean := false;
BEGIN
    IF p_most IS NULL OR p_most NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION '% is not a valid number of tasks: expected one from 1 to 10000', coalesce(p_most::text, 'null')
            USING ERRCODE = 'LD400';
    END IF;
    WHILE v_front <> '{}' AND NOT v_is_cut LOOP
        v_front := ARRAY(
            SELECT DISTINCT near.id FROM unnest(v_front) AS here (id) CROSS JOIN LATERAL (
                (SELECT needs AS id FROM task_dependencies WHERE task_id = here.id)
                UNION ALL
                (SELECT task_id FROM task_dependencies WHERE needs = here.id LIMIT p_most + 1)
                UNION ALL
                (SELECT parent FROM tasks WHERE tasks.id = here.id AND parent IS NOT NULL)
                UNION ALL
                (SELECT tasks.id FROM tasks WHERE parent = here.id LIMIT p_most + 1)
            ) AS near
            WHERE near.id <> ALL(v_found)
        );
        v_is_cut := cardinality(v_found) + cardinality(v_front) > p_most;
        v_found := v_found || v_front[:p_most - cardinality(v_found)];
    END LOOP;
    RETURN jsonb_build_object('name', NULL, 'tenant_id', (SELECT tenant_id FROM tasks WHERE id = v_root), 'is_cut', v_is_cut)
        || graph_of(ARRAY(SELECT number FROM tasks WHERE id = ANY(v_found) ORDER BY number), false);
END
$$;
