-- INTERNAL fold_run_tallies(): moves rows of run_tally_inbox to run_tallies and run_time_tallies. Only fold_tallies()
-- calls this, under its lock.
CREATE OR REPLACE FUNCTION fold_run_tallies() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_rows CONSTANT integer := 10000;
BEGIN
    WITH gone AS (
        DELETE FROM run_tally_inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM run_tally_inbox LIMIT c_rows))
        RETURNING *
    ), folded AS (
        INSERT INTO run_tallies AS t (
            tool, group_name, status, error_class, runs, input_tokens, cached_input_tokens, output_tokens, paid_usd,
            notional_usd
        )
        SELECT tool, group_name, status, error_class, count(*), coalesce(sum(input_tokens), 0),
            coalesce(sum(cached_input_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(paid_usd), 0),
            coalesce(sum(notional_usd), 0)
        FROM gone GROUP BY 1, 2, 3, 4
        ON CONFLICT (tool, group_name, status, error_class) DO UPDATE SET
            runs = t.runs + excluded.runs, input_tokens = t.input_tokens + excluded.input_tokens,
            cached_input_tokens = t.cached_input_tokens + excluded.cached_input_tokens,
            output_tokens = t.output_tokens + excluded.output_tokens, paid_usd = t.paid_usd + excluded.paid_usd,
            notional_usd = t.notional_usd + excluded.notional_usd
    )
    INSERT INTO run_time_tallies AS t (tool, measure, at_most, runs, seconds)
    SELECT tool, measure, coalesce(at_most, 'infinity'), count(*), sum(took)
    FROM gone
    CROSS JOIN LATERAL (
        VALUES ('queue wait', queue_wait_s), ('start latency', start_latency_s), ('duration', duration_s)
    ) AS measured (measure, measured_s)
    CROSS JOIN LATERAL greatest(measured_s, 0) AS took
    CROSS JOIN LATERAL (
        SELECT min(bound) AS at_most FROM unnest(time_bounds(measure)) AS bound WHERE bound >= took
    ) AS counted_to
    WHERE measured_s IS NOT NULL
    GROUP BY 1, 2, 3
    ON CONFLICT (tool, measure, at_most) DO UPDATE SET
        runs = t.runs + excluded.runs, seconds = t.seconds + excluded.seconds;
END
$$;
