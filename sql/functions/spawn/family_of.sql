-- INTERNAL family_of(task): returns, for show_task(), by whom a task was spawned (parent), how many it has spawned
-- (children, by state), how many it spawns when it is approved (draft), and of its tree the root, what it has taken and
-- what it may take. Empty for a task without a tree. Cost: that of the children.
CREATE OR REPLACE FUNCTION family_of(p_task uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
    v_tree uuid;
    v_parent uuid;
    v_run uuid;
BEGIN
    SELECT tree, parent, run_id INTO v_tree, v_parent, v_run FROM tasks WHERE id = p_task;
    IF v_tree IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN jsonb_build_object(
        'parent', (SELECT number FROM tasks WHERE id = v_parent),
        'children', (
            SELECT coalesce(jsonb_object_agg(status, count), '{}') FROM (
                SELECT status, count(*) AS count FROM tasks WHERE parent = p_task GROUP BY status
            ) AS counted
        ),
        'draft', (SELECT jsonb_array_length(tasks) FROM spawn_drafts WHERE task_id = p_task AND run_id = v_run),
        'tree', (
            SELECT to_jsonb(task_trees) - 'root' || jsonb_build_object(
                'root', (SELECT number FROM tasks WHERE id = root), 'tools', coalesce(tools, ARRAY[
                    (SELECT tool FROM tasks WHERE id = root)]))
            FROM task_trees WHERE root = v_tree
        )
    );
END
$$;
