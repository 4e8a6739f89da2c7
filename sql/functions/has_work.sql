-- has_work(dispatcher): whether any task is queued for a group that this dispatcher serves, or active in its hands.
-- Held tasks and tasks that nobody serves do not count; those that wait for their time do.
CREATE OR REPLACE FUNCTION has_work(p_dispatcher uuid) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (SELECT FROM tasks WHERE leased_by = p_dispatcher AND status IN ('leased', 'running'))
        OR EXISTS (
            SELECT FROM worker_groups AS g JOIN dispatchers AS d ON d.id = p_dispatcher
            WHERE group_is_served_by(g, d) AND EXISTS (
                SELECT FROM tasks
                WHERE status = 'queued' AND wait_reason IS DISTINCT FROM 'held' AND tasks.tool = g.tool
                    AND (tasks.account IS NULL OR tasks.account = g.account_name)
            )
        )
$$;
