-- INTERNAL waits_for_needs(task, wait_reason): whether a task waits for others that it comes after, and not, as a judge, for
-- its tries. One expression, so that the planner inlines it.
CREATE OR REPLACE FUNCTION waits_for_needs(p_task uuid, p_wait_reason text) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT p_wait_reason IS NOT DISTINCT FROM 'dependency' AND (
        EXISTS (SELECT FROM task_dependencies WHERE task_id = p_task)
        -- What it needed was deleted by hand.
        OR NOT EXISTS (SELECT FROM try_sets WHERE judge = p_task)
    )
$$;
