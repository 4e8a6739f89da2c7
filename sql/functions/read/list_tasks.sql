-- API list_tasks(statuses, …): returns tasks in the order in which they interest people: active ones, then those that
-- wait (by priority and age), then those that have ended (last first). A filter that is null matches all. Lengths of
-- time are in seconds. why is given for queued tasks only. waits_s is how long until a task that waits for a time is
-- ready. wait_reason is that of the task, or budget, see waits_for_budget(). activity is what an active task's agent
-- does, where its CLI reports it. silent_s is for how long the agent has printed nothing. actions is what
-- this session may do with the task now, see allowed_actions().
CREATE OR REPLACE FUNCTION list_tasks(
    p_statuses text [] DEFAULT NULL, p_tool text DEFAULT NULL, p_tenant_id text DEFAULT NULL,
    p_queue text DEFAULT NULL, p_group text DEFAULT NULL, p_name text DEFAULT NULL, p_limit integer DEFAULT 50
)
RETURNS TABLE (
    number bigint, id uuid, status text, wait_reason text, why text, waits_s double precision, tool text,
    model text, group_name text, tenant_id text, queue text, priority smallint, name text, labels jsonb,
    attempt integer, max_attempts integer, age_s double precision, elapsed_s double precision, tokens bigint,
    cost_usd numeric, permission text, created_at timestamptz, started_at timestamptz, finished_at timestamptz,
    error_class text, error_message text, activity text, silent_s double precision, actions text []
)
LANGUAGE sql VOLATILE
AS $$
    WITH fitting AS (
        SELECT tasks.number, tasks.priority, tasks.ready_at, tasks.finished_at, CASE
                WHEN tasks.status IN ('leased', 'running') THEN 1
                WHEN tasks.status = 'queued' AND tasks.wait_reason IS NULL THEN 2
                WHEN tasks.status = 'queued' THEN 3
                ELSE 4
            END AS interest
        FROM tasks, session_tenants() AS mine
        WHERE (mine IS NULL OR tasks.tenant_id = ANY(mine)) AND (p_statuses IS NULL OR tasks.status = ANY(p_statuses))
            AND (p_tool IS NULL OR tasks.tool = p_tool) AND (p_tenant_id IS NULL OR tasks.tenant_id = p_tenant_id)
            AND (p_queue IS NULL OR tasks.queue = p_queue) AND (p_group IS NULL OR tasks.group_name = p_group)
            AND (p_name IS NULL OR strpos(lower(tasks.name), lower(p_name)) > 0)
    )
    SELECT * FROM listed_tasks(ARRAY(
        SELECT number FROM fitting
        ORDER BY interest, CASE WHEN interest = 2 THEN -priority END, CASE WHEN interest = 3 THEN ready_at END,
            finished_at DESC NULLS FIRST, number
        LIMIT p_limit
    ))
$$;
