-- INTERNAL require_room_in_tree(task, count): refuses that a task spawns so many if a cap of its tree would be passed. The
-- caller holds the tree's row. Raises LD429 with the cap, what is taken and what is left.
CREATE OR REPLACE FUNCTION require_room_in_tree(p_task uuid, p_count integer) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_tree record;
    v_children integer := (SELECT count(*) FROM tasks WHERE parent = p_task);
    v_depth integer := cardinality(tasks_above(ARRAY[p_task]));
    v_refusal text;
BEGIN
    SELECT task_trees.*, t.number, t.spawns, root.number AS root_number INTO v_tree
    FROM tasks AS t LEFT JOIN task_trees ON task_trees.root = t.tree LEFT JOIN tasks AS root ON root.id = t.tree
    WHERE t.id = p_task;
    v_refusal := CASE
        WHEN v_tree.root IS NULL THEN 'the task at the root of its tree is not there any more'
        WHEN v_depth >= v_tree.max_depth
            THEN format('task %s is at depth %s of the tree of task %s, and its tasks are at depth %s at most, so it spawns none',
                v_tree.number, v_depth, v_tree.root_number, v_tree.max_depth)
        WHEN v_children + p_count > v_tree.max_children
            THEN format('%s has %s tasks, and a task may spawn %s: %s are left', v_tree.spawns, p_count,
                v_tree.max_children, v_tree.max_children - v_children)
        WHEN v_tree.tasks + p_count > v_tree.max_tasks
            THEN format('%s has %s tasks, and the tree of task %s may have %s: %s are left', v_tree.spawns, p_count,
                v_tree.root_number, v_tree.max_tasks, v_tree.max_tasks - v_tree.tasks)
        WHEN v_tree.cost_usd >= v_tree.max_cost_usd
            THEN format('the tree of task %s may cost %s USD, and has cost %s: nothing is left', v_tree.root_number,
                v_tree.max_cost_usd, round(v_tree.cost_usd, 2))
        WHEN v_tree.tokens >= v_tree.max_tokens
            THEN format('the tree of task %s may take %s tokens, and has taken %s: nothing is left', v_tree.root_number,
                v_tree.max_tokens, v_tree.tokens)
    END;
    IF v_refusal IS NOT NULL THEN
        RAISE EXCEPTION '%', v_refusal USING ERRCODE = 'LD429';
    END IF;
END
$$;
