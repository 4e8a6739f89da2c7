-- INTERNAL kin_of(task, parent, tree): returns how a task belongs with others, as JSON: `after`, the tasks that it comes
-- after, and the first 50 of its `dependent_count` `dependents`, each with number, name, status, wait_reason and with kind and
-- state of the need; the number of its `parent`, how many `children` it spawned, and the `tree` that it is in, with its caps
-- and what is used of them. Cost: that of those tasks; a count of dependents stops at 100,000.
CREATE OR REPLACE FUNCTION kin_of(p_task uuid, p_parent uuid, p_tree uuid) RETURNS jsonb
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT jsonb_build_object(
        'after', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'number', n.number, 'name', n.name, 'title', n.title, 'status', n.status,
                    'wait_reason', n.wait_reason,
                    'kind', d.kind, 'state', d.state, 'step', d.step
                ) ORDER BY n.number, d.kind), '[]')
            FROM task_dependencies AS d JOIN tasks AS n ON n.id = d.needs WHERE d.task_id = p_task
        ),
        'dependents', (
            SELECT coalesce(jsonb_agg(to_jsonb(first_ones) ORDER BY number, kind), '[]') FROM (
                SELECT t.number, t.name, t.title, t.status, t.wait_reason, d.kind, d.state, d.step
                FROM task_dependencies AS d JOIN tasks AS t ON t.id = d.task_id WHERE d.needs = p_task LIMIT 50
            ) AS first_ones
        ),
        'dependent_count', (
            SELECT count(*) FROM (SELECT FROM task_dependencies WHERE needs = p_task LIMIT 100000) AS counted
        ),
        'parent', (SELECT number FROM tasks WHERE id = p_parent),
        'children', (SELECT count(*) FROM tasks WHERE parent = p_task),
        'tree', (
            SELECT to_jsonb(tree) || jsonb_build_object('root', (SELECT number FROM tasks WHERE id = tree.root))
            FROM task_trees AS tree WHERE root = coalesce(p_tree, p_task)
        )
    )
$$;
