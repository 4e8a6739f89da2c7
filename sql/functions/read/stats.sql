-- API stats(by, since): returns what was done and what it took, by group, tool, model, tenant, or day (UTC, of the
-- end). A producer sees its own tenants only. It counts runs that ended since that moment. cost_usd is what was paid by
-- API key, or nobody knows how; notional_usd is the list price of what subscriptions covered. Null: no CLI
-- reported it.
-- Cost: all runs since then. Raises LD400 for another way to group.
CREATE OR REPLACE FUNCTION stats(p_by text, p_since timestamptz DEFAULT NULL)
RETURNS TABLE (
    key text, runs bigint, succeeded bigint, failed bigint, limited bigint, ran_s double precision,
    input_tokens bigint, cached_input_tokens bigint, output_tokens bigint, cost_usd numeric, notional_usd numeric
)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
BEGIN
    IF p_by IS NULL OR p_by NOT IN ('group', 'tool', 'model', 'tenant', 'day') THEN
        RAISE EXCEPTION '% is not a valid grouping: expected group, tool, model, tenant or day', quote_nullable(p_by)
            USING ERRCODE = 'LD400';
    END IF;
    RETURN QUERY
    SELECT CASE p_by
            WHEN 'group' THEN r.group_name
            WHEN 'tool' THEN t.tool
            WHEN 'model' THEN t.model
            WHEN 'tenant' THEN t.tenant_id
            ELSE to_char(r.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
        END AS key,
        count(*), count(*) FILTER (WHERE r.status = 'succeeded'),
        count(*) FILTER (WHERE r.status IN ('failed', 'timed_out', 'lost')),
        count(*) FILTER (WHERE r.status = 'rate_limited'), sum(r.latency_ms) / 1000.0::double precision,
        sum(r.input_tokens)::bigint, sum(r.cached_input_tokens)::bigint, sum(r.output_tokens)::bigint,
        sum(r.cost_usd) FILTER (WHERE r.auth_mode IS NULL OR r.auth_mode = 'key'),
        sum(r.cost_usd) FILTER (WHERE r.auth_mode IN ('token', 'login'))
    FROM session_tenants() AS mine, task_runs AS r JOIN tasks AS t ON t.id = r.task_id
    WHERE r.finished_at IS NOT NULL AND (mine IS NULL OR t.tenant_id = ANY(mine)) AND (p_since IS NULL OR r.finished_at >= p_since)
    GROUP BY 1 ORDER BY 1;
END
$$;
