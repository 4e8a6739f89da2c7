-- INTERNAL children_as_tasks(task, rows): returns the tasks of these rows, see spawn_tasks(), as submit_tasks() takes
-- them. A child of another tool has no model and no account that was meant for its parent's. What a child may spawn
-- itself is not a part of it, since its tree is that of its parent.
CREATE OR REPLACE FUNCTION children_as_tasks(p_task uuid, p_rows jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_own jsonb := inherited_settings(p_task);
BEGIN
    RETURN (
        SELECT jsonb_agg(
            v_own - CASE
                WHEN coalesce(task ->> 'tool', v_own ->> 'tool') <> v_own ->> 'tool'
                    THEN '{model,fallback_model,account}'::text []
                ELSE '{}'
            END || (task - 'spawns') || jsonb_build_object(
                'labels', CASE coalesce(jsonb_typeof(task -> 'labels'), 'null')
                    WHEN 'null' THEN v_own -> 'labels'
                    WHEN 'object' THEN (v_own -> 'labels') || (task -> 'labels')
                    ELSE task -> 'labels'
                END,
                'tenant_id', v_own ->> 'tenant_id')
            ORDER BY place)
        FROM jsonb_array_elements(p_rows) WITH ORDINALITY AS given (listed, place)
        CROSS JOIN LATERAL (SELECT CASE jsonb_typeof(listed -> 'task') WHEN 'object' THEN listed -> 'task' ELSE '{}' END AS task) AS row_of
    );
END
$$;
