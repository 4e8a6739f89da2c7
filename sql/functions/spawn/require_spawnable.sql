-- INTERNAL require_spawnable(task, rows): refuses rows, see spawn_tasks(), that ask for more than the task itself may do,
-- or that name tasks outside of its tree. Whether they are valid otherwise is left to submit_tasks().
-- Raises LD400 with the file and the line of the first.
CREATE OR REPLACE FUNCTION require_spawnable(p_task uuid, p_rows jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
    c_permissions CONSTANT text [] := '{read,edit,full}';
    v_depth integer := cardinality(tasks_above(ARRAY[p_task])) + 1;
    v_own record;
    v_bad record;
BEGIN
    SELECT t.tool, t.spawns, t.account, t.permission, least(t.priority, 9) AS priority,
        coalesce(tools, ARRAY[root.tool]) AS tools, max_depth, root.number AS root
    INTO v_own FROM tasks AS t JOIN task_trees ON task_trees.root = t.tree JOIN tasks AS root ON root.id = t.tree
    WHERE t.id = p_task;
    SELECT line, complaint INTO v_bad FROM (
        SELECT place, coalesce((listed ->> 'line')::bigint, place) AS line, CASE
            WHEN jsonb_typeof(task) IS DISTINCT FROM 'object' THEN 'a task must be a JSON object'
            WHEN task - spawnable_keys() <> '{}' THEN format('a task that an agent writes down must not have %s', (
                SELECT string_agg(key, ', ' ORDER BY key) FROM jsonb_object_keys(task - spawnable_keys()) AS key))
            WHEN coalesce(task ->> 'tool', v_own.tool) <> ALL(v_own.tools)
                THEN format('the tool %s is not allowed: expected %s', task ->> 'tool', array_to_string(v_own.tools, ' or '))
            WHEN task -> 'priority' > to_jsonb(v_own.priority)
                THEN format('the priority %s is above %s, that of the task itself', task ->> 'priority', v_own.priority)
            WHEN array_position(c_permissions, task ->> 'permission') > array_position(c_permissions, v_own.permission)
                THEN format('the permission %s is more than %s, that of the task itself', task ->> 'permission', v_own.permission)
            WHEN task ->> 'account' <> v_own.account AND coalesce(task ->> 'tool', v_own.tool) = v_own.tool
                THEN format('the account %s is not that of the task itself, %s', task ->> 'account', v_own.account)
            WHEN task ->> 'spawns' IS NOT NULL AND complaint_about_workflow('file', task -> 'spawns') IS NOT NULL
                THEN 'spawns ' || complaint_about_workflow('file', task -> 'spawns')
            WHEN task ->> 'spawns' IS NOT NULL AND v_depth >= v_own.max_depth
                THEN format('it must not spawn tasks: it is at depth %s, and tasks of the tree of task %s are at depth %s at most',
                    v_depth, v_own.root, v_own.max_depth)
        END AS complaint
        FROM jsonb_array_elements(p_rows) WITH ORDINALITY AS given (listed, place)
        CROSS JOIN LATERAL (SELECT listed -> 'task' AS task) AS row_of
        UNION ALL
        SELECT * FROM strange_needs(p_task, p_rows)
    ) AS found
    WHERE complaint IS NOT NULL ORDER BY place LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%:%: %', v_own.spawns, v_bad.line, v_bad.complaint USING ERRCODE = 'LD400';
    END IF;
END
$$;
