-- API stats(by, since, select): returns what was done and what it took, by group, tool, model, tenant, queue, day (UTC,
-- of the end) or the value of a label (label:KEY). It counts runs of the selected tasks that ended since that moment:
-- runs = succeeded + failed + limited + canceled + interrupted, where those that timed out or were lost have failed.
-- cost_usd is what was paid by API key, or nobody knows how; notional_usd is the list price of what subscriptions
-- covered. Null: no CLI reported it.
--   SELECT key, runs, cost_usd FROM stats('label:batch', now() - interval '7 d');
-- Cost: all runs since then. Raises LD400 for another way to group, and LD400 and LD404 as read_selection() does.
CREATE OR REPLACE FUNCTION stats(p_by text, p_since timestamptz DEFAULT NULL, p_select jsonb DEFAULT '{}')
RETURNS TABLE (
    key text, runs bigint, succeeded bigint, failed bigint, limited bigint, canceled bigint, interrupted bigint,
    ran_s double precision, input_tokens bigint, cached_input_tokens bigint, output_tokens bigint,
    cost_usd numeric, notional_usd numeric
)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_label text := substr(p_by, length('label:') + 1);
    s task_selection;
BEGIN
    IF p_by IS NULL
        OR p_by NOT IN ('group', 'tool', 'model', 'tenant', 'queue', 'day') AND p_by NOT LIKE 'label:_%' THEN
        RAISE EXCEPTION '% is not a valid grouping: expected group, tool, model, tenant, queue, day or label:KEY',
            quote_nullable(p_by)
            USING ERRCODE = 'LD400';
    END IF;
    s := read_selection(p_select);
    RETURN QUERY
    SELECT CASE p_by
            WHEN 'group' THEN r.group_name
            WHEN 'tool' THEN t.tool
            WHEN 'model' THEN t.model
            WHEN 'tenant' THEN t.tenant_id
            WHEN 'queue' THEN t.queue
            WHEN 'day' THEN to_char(r.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
            ELSE t.labels ->> v_label
        END AS key,
        count(*), count(*) FILTER (WHERE r.status = 'succeeded'),
        count(*) FILTER (WHERE r.status IN ('failed', 'timed_out', 'lost')),
        count(*) FILTER (WHERE r.status = 'rate_limited'), count(*) FILTER (WHERE r.status = 'canceled'),
        count(*) FILTER (WHERE r.status = 'interrupted'), sum(r.latency_ms) / 1000.0::double precision,
        sum(r.input_tokens)::bigint, sum(r.cached_input_tokens)::bigint, sum(r.output_tokens)::bigint,
        sum(r.cost_usd) FILTER (WHERE r.auth_mode IS NULL OR r.auth_mode = 'key'),
        sum(r.cost_usd) FILTER (WHERE r.auth_mode IN ('token', 'login'))
    FROM task_runs AS r JOIN tasks AS t ON t.id = r.task_id
    WHERE r.finished_at IS NOT NULL AND (p_since IS NULL OR r.finished_at >= p_since) AND task_fits(t, s)
    GROUP BY 1 ORDER BY 1;
END
$$;
