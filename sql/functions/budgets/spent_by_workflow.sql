-- INTERNAL spent_by_workflow(workflow): returns what all ended runs of the tasks of a workflow took, of all tenants: cost,
-- tokens, and how many runs have started and never told their cost. Only count_limit() calls this, when a budget begins.
-- Cost: that of the tasks of the workflow, and of all that are active.
CREATE OR REPLACE FUNCTION spent_by_workflow(
    p_workflow text, OUT usd numeric, OUT tokens bigint, OUT unknown_cost_runs integer
)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
BEGIN
    SELECT coalesce(sum(cost_usd), 0), coalesce(sum(tokens_used), 0),
        count(*) FILTER (WHERE cost_usd IS NULL AND task_runs.started_at IS NOT NULL)
    INTO usd, tokens, unknown_cost_runs
    FROM task_runs
    WHERE task_id = ANY(ARRAY(
        SELECT id FROM tasks WHERE workflow = p_workflow AND status NOT IN ('leased', 'running')
        UNION ALL
        SELECT id FROM tasks WHERE workflow = p_workflow AND status IN ('leased', 'running')
    )) AND task_runs.status <> 'running';
END
$$;
