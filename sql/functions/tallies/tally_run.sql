-- TRIGGER tally_run(): notes a run that has ended, for fold_tallies(). Whatever ends a run changes its status once, so
-- it is counted once, however often its end is reported. It costs one probe and one row.
-- Locks nothing that anybody waits for.
CREATE OR REPLACE FUNCTION tally_run() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO run_tally_inbox (
        tool, group_name, status, error_class, queue_wait_s, start_latency_s, duration_s, input_tokens,
        cached_input_tokens, output_tokens, paid_usd, notional_usd
    )
    SELECT tool, new.group_name, new.status, coalesce(new.error_class, ''),
        extract(EPOCH FROM new.claimed_at - new.ready_at), extract(EPOCH FROM new.started_at - new.claimed_at),
        new.latency_ms / 1000.0, new.input_tokens, new.cached_input_tokens, new.output_tokens,
        CASE WHEN new.auth_mode IS NULL OR new.auth_mode = 'key' THEN new.cost_usd END,
        CASE WHEN new.auth_mode IN ('token', 'login') THEN new.cost_usd END
    FROM tasks WHERE id = new.task_id;
    RETURN NULL;
END
$$;
