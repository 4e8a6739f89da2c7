-- INTERNAL run_metrics(): returns the families of metrics() that are about runs that have ended: how they ended, what
-- they used, and how long they took, with all bounds of time_bounds(). Only metrics() calls this.
CREATE OR REPLACE FUNCTION run_metrics() RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    WITH used AS (
        SELECT tool, group_name, sum(input_tokens) AS input, sum(cached_input_tokens) AS cached_input,
            sum(output_tokens) AS output, sum(paid_usd) AS paid, sum(notional_usd) AS notional
        FROM run_tallies GROUP BY 1, 2
    ), timed AS (
        SELECT measure, tool, (
            SELECT jsonb_agg(jsonb_build_array(bound, (
                SELECT coalesce(sum(runs), 0) FROM run_time_tallies AS t
                WHERE t.measure = of_tool.measure AND t.tool = of_tool.tool AND at_most <= bound
            )) ORDER BY bound)
            FROM unnest(time_bounds(measure)) AS bound
        ) AS buckets, sum(runs) AS runs, sum(seconds) AS seconds
        FROM run_time_tallies AS of_tool GROUP BY measure, tool
    )
    SELECT jsonb_build_object(
        'runs', coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'tool', tool, 'group', group_name, 'status', status, 'error_class', error_class, 'runs', runs))
            FROM run_tallies
        ), '[]'),
        'tokens', coalesce((
            SELECT jsonb_agg(jsonb_build_object('tool', tool, 'group', group_name, 'kind', kind, 'tokens', tokens))
            FROM used CROSS JOIN LATERAL (
                VALUES ('input', input), ('cached_input', cached_input), ('output', output)
            ) AS used_tokens (kind, tokens)
        ), '[]'),
        'cost', coalesce((
            SELECT jsonb_agg(jsonb_build_object('tool', tool, 'group', group_name, 'notional', is_notional, 'usd', usd))
            FROM used CROSS JOIN LATERAL (VALUES (false, paid), (true, notional)) AS money (is_notional, usd)
        ), '[]'),
        'times', coalesce((SELECT jsonb_agg(timed) FROM timed), '[]'))
$$;
