-- INTERNAL leave_out_spent_trees(now, tasks, groups): returns those of the tasks that a claim picked whose trees have not
-- used up their budgets, with their groups. The others wait for it from now on (wait_reason budget).
-- Only lease_tasks() calls this, which holds the tasks, and only if one of them has a past or belongs to a tree.
CREATE OR REPLACE FUNCTION leave_out_spent_trees(
    p_now timestamptz, INOUT p_task_ids uuid [], INOUT p_group_names text []
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_spent uuid [] := ARRAY(
        SELECT tasks.id FROM tasks JOIN task_trees AS t ON t.root = tasks.tree
        WHERE tasks.id = ANY(p_task_ids) AND tree_is_spent(t)
    );
BEGIN
    IF v_spent = '{}' THEN
        RETURN;
    END IF;
    UPDATE tasks SET wait_reason = 'budget', updated_at = p_now WHERE id = ANY(v_spent);
    SELECT coalesce(array_agg(id ORDER BY place), '{}'), coalesce(array_agg(group_name ORDER BY place), '{}')
    INTO p_task_ids, p_group_names
    FROM unnest(p_task_ids, p_group_names) WITH ORDINALITY AS picked (id, group_name, place)
    WHERE id <> ALL(v_spent);
END
$$;
