-- INTERNAL with_free_trees(tasks, reports): returns those of these tasks whose trees nobody else holds, nor the tasks that
-- their children come after: those that their reports name, and of a tree all that was spawned. These are locked then.
-- Nobody is waited for: end_runs() returns "held" for the others. The caller has locked the tasks.
-- Trees come first: whoever holds one knows that nothing more is spawned in it.
-- Locks: trees by root, then the tasks of these trees that are named (share mode; both SKIP LOCKED).
CREATE OR REPLACE FUNCTION with_free_trees(p_task_ids uuid [], p_reports jsonb) RETURNS uuid []
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_roots uuid [] := ARRAY(SELECT DISTINCT tree FROM tasks WHERE id = ANY(p_task_ids) AND tree IS NOT NULL);
    v_locked uuid [] := ARRAY(
        SELECT root FROM task_trees WHERE root = ANY(v_roots) ORDER BY root FOR NO KEY UPDATE SKIP LOCKED
    );
    v_naming uuid [] := '{}';
    v_named uuid [] := '{}';
BEGIN
    IF NOT v_locked @> v_roots THEN
        p_task_ids := ARRAY(
            SELECT id FROM tasks
            WHERE id = ANY(p_task_ids) AND (tree IS NULL OR tree = ANY(v_locked)
                OR NOT EXISTS (SELECT FROM task_trees WHERE root = tasks.tree))
        );
    END IF;
    IF NOT p_reports @? '$[*].spawn[*].task' THEN
        RETURN p_task_ids;
    END IF;
    SELECT coalesce(array_agg(of_run.id), '{}'), coalesce(array_agg(named.id), '{}') INTO v_naming, v_named
    FROM jsonb_array_elements(p_reports) AS report
    JOIN tasks AS of_run ON of_run.run_id = (report ->> 'run_id')::uuid AND of_run.id = ANY(p_task_ids)
    CROSS JOIN needs_as_given(jsonb_path_query_array(report, '$.spawn[*].task')) AS asked
    JOIN tasks AS t ON t.number = CASE WHEN asked.name ~ '^[0-9]{1,18}$' THEN asked.name::bigint END AND t.tree = of_run.tree
    CROSS JOIN LATERAL unnest(t.id || CASE WHEN asked.kind = 'tree' THEN tasks_below(ARRAY[t.id]) ELSE '{}' END) AS named (id);
    v_locked := ARRAY(
        SELECT id FROM tasks WHERE id = ANY(v_named) AND id <> ALL(p_task_ids) ORDER BY id FOR SHARE SKIP LOCKED
    ) || p_task_ids;
    RETURN ARRAY(
        SELECT id FROM unnest(p_task_ids) AS id WHERE id <> ALL(ARRAY(
            SELECT naming FROM unnest(v_naming, v_named) AS pair (naming, named) WHERE named <> ALL(v_locked)
        ))
    );
END
$$;
