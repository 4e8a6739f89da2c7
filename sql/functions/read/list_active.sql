-- API list_active(): returns the tasks that are leased or running and the dispatcher that has them, oldest start first.
CREATE OR REPLACE FUNCTION list_active()
RETURNS TABLE (
    dispatcher_id uuid, number bigint, status text, tool text, group_name text, name text, pid integer,
    elapsed_s double precision, activity text, stops boolean, title text
)
LANGUAGE sql VOLATILE
AS $$
    SELECT t.leased_by, t.number, t.status, t.tool, t.group_name, t.name, r.pid,
        extract(EPOCH FROM clock() - coalesce(t.started_at, r.claimed_at))::double precision, r.activity,
        t.cancel_requested_at IS NOT NULL, t.title
    FROM session_tenants() AS mine, tasks AS t JOIN task_runs AS r ON r.id = t.run_id
    WHERE t.status IN ('leased', 'running') AND (mine IS NULL OR t.tenant_id = ANY(mine))
    ORDER BY coalesce(t.started_at, r.claimed_at), t.number
$$;
