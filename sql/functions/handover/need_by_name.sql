-- INTERNAL need_by_name(task, name): returns the task that another one needs and calls by this name, which is its number or
-- a step, and whether it needs the whole tree below; nulls when it needs none of that name.
CREATE OR REPLACE FUNCTION need_by_name(p_task uuid, p_name text, OUT need uuid, OUT is_tree boolean)
LANGUAGE sql STABLE
AS $$
    SELECT needs, bool_or(kind = 'tree') FROM task_dependencies
    WHERE task_id = p_task AND needs = (
        SELECT n.id FROM task_dependencies AS d JOIN tasks AS n ON n.id = d.needs
        WHERE d.task_id = p_task AND (d.step = p_name OR n.number::text = p_name)
        ORDER BY (d.step = p_name) DESC NULLS LAST LIMIT 1
    )
    GROUP BY needs
$$;
