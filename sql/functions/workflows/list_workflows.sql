-- API list_workflows(tenant, limit): returns the workflows in which something was submitted last, the newest first: of one
-- tenant, or of all that the session may see. states says how many of its tasks are in each state, see count_tasks().
-- running_s is how long the task runs that has run for longest, cost_usd and tokens what all runs took, and failed and
-- unmet how many tasks have failed and how many wait for what cannot come any more. max_concurrent is its limit, and
-- budget_usd its budget, which workflows of the same name of all tenants share.
-- Cost: an entry of an index for each name that there is, and all tasks and runs of those that are returned.
-- Raises LD400 for a limit outside of 1 to 1,000.
CREATE OR REPLACE FUNCTION list_workflows(p_tenant text DEFAULT NULL, p_limit integer DEFAULT 50)
RETURNS TABLE (
    name text, tenant_id text, tasks bigint, states jsonb, failed bigint, unmet bigint, cost_usd numeric, tokens bigint,
    age_s double precision, running_s double precision, last_submitted_at timestamptz, max_concurrent integer,
    budget_usd numeric
)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := clock();
    v_mine text [] := session_tenants();
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION '% is not a valid limit: expected a number from 1 to 1000', coalesce(p_limit::text, 'null')
            USING ERRCODE = 'LD400';
    END IF;
    IF p_tenant IS NOT NULL THEN
        v_mine := CASE WHEN v_mine IS NULL OR p_tenant = ANY(v_mine) THEN ARRAY[p_tenant] ELSE '{}' END;
    END IF;
    RETURN QUERY
    WITH newest AS MATERIALIZED (
        SELECT seen.name, seen.number FROM workflow_names() AS seen
        WHERE v_mine IS NULL OR EXISTS (
            SELECT FROM tasks AS t WHERE t.workflow = seen.name AND t.tenant_id = ANY(v_mine)
                AND t.number = ANY(workflow_numbers(seen.name)))
        ORDER BY seen.number DESC LIMIT p_limit
    ), members AS MATERIALIZED (
        SELECT t.*, coalesce(t.wait_reason, t.status) AS state, EXISTS (
            SELECT FROM task_dependencies WHERE task_id = t.id AND state = 'unmet'
        ) AS is_unmet, spent.cost_usd, spent.tokens
        FROM newest CROSS JOIN LATERAL unnest(workflow_numbers(newest.name)) AS member (number)
        JOIN tasks AS t ON t.number = member.number CROSS JOIN LATERAL (
            SELECT sum(r.cost_usd) AS cost_usd, sum(r.tokens_used)::bigint AS tokens FROM task_runs AS r
            WHERE r.task_id = CASE WHEN t.run_no > 0 THEN t.id END
        ) AS spent
        WHERE v_mine IS NULL OR t.tenant_id = ANY(v_mine)
    ), counted AS (
        SELECT workflow, tenant_id, jsonb_object_agg(state, tasks) AS states FROM (
            SELECT workflow, tenant_id, state, count(*) AS tasks FROM members GROUP BY 1, 2, 3
        ) AS each_state GROUP BY 1, 2
    )
    SELECT m.workflow, m.tenant_id, count(*), counted.states, count(*) FILTER (WHERE m.status = 'failed'),
        count(*) FILTER (WHERE m.is_unmet AND m.status = 'queued'), sum(m.cost_usd), sum(m.tokens)::bigint,
        extract(EPOCH FROM v_now - min(m.created_at))::double precision,
        extract(EPOCH FROM v_now - min(m.started_at) FILTER (WHERE m.status = 'running'))::double precision,
        max(m.created_at), min(caps.max_concurrent), min(caps.budget_usd)
    FROM members AS m JOIN counted USING (workflow, tenant_id)
    LEFT JOIN concurrency_limits AS caps ON caps.scope = 'workflow:' || m.workflow
    GROUP BY m.workflow, m.tenant_id, counted.states ORDER BY max(m.number) DESC;
END
$$;
