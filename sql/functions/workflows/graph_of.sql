-- INTERNAL graph_of(numbers, with_needs): returns tasks and what they have to do with each other, as JSON. `nodes`: number,
-- name, status, wait_reason, why, tool, model, elapsed_s, cost_usd, error_class, error_message, prompt (its beginning),
-- workflow, is_outside. `edges`: `source` and `target`, the number of the task before and of the one after it, with kind,
-- state and step of the need; of kind "spawned" where the one spawned the other. With needs: also the tasks that are none of
-- these and that one of these comes after, as is_outside. Cost: that of the tasks and of what they need.
CREATE OR REPLACE FUNCTION graph_of(p_numbers bigint [], p_with_needs boolean) RETURNS jsonb
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    WITH inside AS MATERIALIZED (
        SELECT id, number FROM tasks WHERE number = ANY(p_numbers)
    ), needed AS MATERIALIZED (
        SELECT n.number AS source, inside.number AS target, d.kind, d.state, d.step
        FROM inside JOIN task_dependencies AS d ON d.task_id = inside.id JOIN tasks AS n ON n.id = d.needs
        WHERE p_with_needs OR n.number = ANY(p_numbers)
    ), shown AS MATERIALIZED (
        SELECT array_agg(number ORDER BY number) AS numbers FROM (
            SELECT number FROM inside UNION SELECT source FROM needed
        ) AS every
    ), edges AS (
        SELECT * FROM needed
        UNION ALL
        SELECT p.number, t.number, 'spawned', 'met', NULL
        FROM inside JOIN tasks AS t ON t.number = inside.number JOIN tasks AS p ON p.id = t.parent
        WHERE p.number = ANY((SELECT numbers FROM shown)::bigint [])
    )
    SELECT jsonb_build_object(
        'nodes', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'number', number, 'name', l.name, 'title', l.title,
                    'status', l.status, 'wait_reason', l.wait_reason, 'why', l.why,
                    'tool', l.tool, 'model', l.model, 'elapsed_s', l.elapsed_s, 'cost_usd', l.cost_usd,
                    'error_class', l.error_class, 'error_message', left(l.error_message, 500),
                    'prompt', left(t.prompt, 100), 'workflow', l.workflow, 'is_outside', number <> ALL(p_numbers)
                ) ORDER BY number), '[]')
            FROM listed_tasks((SELECT numbers FROM shown)) AS l JOIN tasks AS t USING (number)
        ),
        'edges', (SELECT coalesce(jsonb_agg(to_jsonb(edges) ORDER BY source, target, kind), '[]') FROM edges)
    )
$$;
