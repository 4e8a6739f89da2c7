-- INTERNAL workflow_numbers(workflow): returns the numbers of its tasks, of whatever tenant, lowest first.
-- Cost: that of those tasks, and of the active ones.
CREATE OR REPLACE FUNCTION workflow_numbers(p_workflow text) RETURNS bigint []
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT ARRAY(
        SELECT number FROM unnest('{true,false}'::boolean []) AS waits,
            walk_tasks_up('workflow', p_workflow, waits, 0, 9223372036854775807, NULL) AS number
        UNION ALL
        SELECT number FROM tasks
        WHERE status IN ('leased', 'running') AND leased_by IS NOT NULL AND workflow = p_workflow
        ORDER BY number
    )
$$;
