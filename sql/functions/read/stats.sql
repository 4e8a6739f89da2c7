-- API stats(by, since, select): returns what was done and what it took, by group, tool, model, tenant, queue, workflow,
-- day (UTC, of the end) or the value of a label (label:KEY). It counts runs of the selected tasks that ended since that moment:
-- runs = succeeded + failed + limited + canceled + interrupted, where those that timed out or were lost have failed.
-- cost_usd is what was paid by API key, or nobody knows how; notional_usd is the list price of what subscriptions
-- covered. Null: no CLI reported it. An agent that is stopped or lost has mostly not said what it spent: for each of the
-- two, unknown_cost_runs and unknown_notional_runs say how many runs are missing in the sum, of those whose agent started
-- and whose tool reports costs. cost_not_reported_by are the other tools whose agents started: no run of them ever
-- reported a cost.
--   SELECT key, runs, cost_usd FROM stats('label:batch', now() - interval '7 d');
-- Cost: all runs since then. Raises LD400 for another way to group, and LD400 and LD404 as read_selection() does.
CREATE OR REPLACE FUNCTION stats(p_by text, p_since timestamptz DEFAULT NULL, p_select jsonb DEFAULT '{}')
RETURNS TABLE (
    key text, runs bigint, succeeded bigint, failed bigint, limited bigint, canceled bigint, interrupted bigint,
    ran_s double precision, input_tokens bigint, cached_input_tokens bigint, output_tokens bigint,
    cost_usd numeric, notional_usd numeric, unknown_cost_runs bigint, unknown_notional_runs bigint,
    cost_not_reported_by text []
)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_label text := substr(p_by, length('label:') + 1);
    s task_selection;
BEGIN
    IF p_by IS NULL
        OR p_by NOT IN ('group', 'tool', 'model', 'tenant', 'queue', 'workflow', 'day') AND p_by NOT LIKE 'label:_%' THEN
        RAISE EXCEPTION '% is not a valid grouping: expected group, tool, model, tenant, queue, workflow, day or'
            ' label:KEY',
            quote_nullable(p_by)
            USING ERRCODE = 'LD400';
    END IF;
    s := read_selection(p_select);
    RETURN QUERY
    WITH sums AS (
        SELECT CASE p_by
                WHEN 'group' THEN r.group_name
                WHEN 'tool' THEN t.tool
                WHEN 'model' THEN t.model
                WHEN 'tenant' THEN t.tenant_id
                WHEN 'queue' THEN t.queue
                WHEN 'workflow' THEN t.workflow
                WHEN 'day' THEN to_char(r.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
                ELSE t.labels ->> v_label
            END AS key,
            t.tool, count(*) AS runs, count(*) FILTER (WHERE r.status = 'succeeded') AS succeeded,
            count(*) FILTER (WHERE r.status IN ('failed', 'timed_out', 'lost')) AS failed,
            count(*) FILTER (WHERE r.status = 'rate_limited') AS limited,
            count(*) FILTER (WHERE r.status = 'canceled') AS canceled,
            count(*) FILTER (WHERE r.status = 'interrupted') AS interrupted,
            sum(r.latency_ms) / 1000.0::double precision AS ran_s, sum(r.input_tokens) AS input_tokens,
            sum(r.cached_input_tokens) AS cached_input_tokens, sum(r.output_tokens) AS output_tokens,
            sum(r.cost_usd) FILTER (WHERE NOT covered) AS cost_usd, sum(r.cost_usd) FILTER (WHERE covered) AS notional_usd,
            count(*) FILTER (WHERE is_unknown AND NOT covered) AS unknown_cost_runs,
            count(*) FILTER (WHERE is_unknown AND covered) AS unknown_notional_runs,
            count(r.cost_usd) > 0 AS reports
        FROM task_runs AS r JOIN tasks AS t ON t.id = r.task_id CROSS JOIN LATERAL (
            SELECT coalesce(r.auth_mode IN ('token', 'login'), false) AS covered,
                r.started_at IS NOT NULL AND r.cost_usd IS NULL AS is_unknown
        ) AS money
        WHERE r.finished_at IS NOT NULL AND (p_since IS NULL OR r.finished_at >= p_since) AND task_fits(t, s)
        GROUP BY 1, 2
    ), reporting AS (
        SELECT sums.tool FROM sums WHERE reports
        UNION
        SELECT run_tallies.tool FROM run_tallies WHERE paid_usd > 0 OR run_tallies.notional_usd > 0
        UNION
        SELECT tool FROM run_tally_inbox WHERE paid_usd IS NOT NULL OR run_tally_inbox.notional_usd IS NOT NULL
    )
    SELECT key, sum(runs)::bigint, sum(succeeded)::bigint, sum(failed)::bigint, sum(limited)::bigint,
        sum(canceled)::bigint, sum(interrupted)::bigint, sum(ran_s), sum(input_tokens)::bigint,
        sum(cached_input_tokens)::bigint, sum(output_tokens)::bigint, sum(cost_usd), sum(notional_usd),
        coalesce(sum(unknown_cost_runs) FILTER (WHERE is_known), 0)::bigint,
        coalesce(sum(unknown_notional_runs) FILTER (WHERE is_known), 0)::bigint,
        coalesce(array_agg(tool ORDER BY tool) FILTER (
            WHERE NOT is_known AND unknown_cost_runs + unknown_notional_runs > 0), '{}')
    FROM sums CROSS JOIN LATERAL (SELECT sums.tool IN (SELECT tool FROM reporting) AS is_known) AS known
    GROUP BY 1 ORDER BY 1;
END
$$;
