-- API list_runs(task): returns the audit of a task, one row for each claim, first to last. latency_ms is how long the
-- agent ran. auth_mode: with a token or a login the cost is notional, since a subscription pays. resumed: the run
-- continued a session. denials: what the agent wanted to do and was not permitted to. change: the row of run_changes,
-- null where there was nothing to record. commands: those of run_commands, the setup first. Raises LD404.
CREATE OR REPLACE FUNCTION list_runs(p_task text)
RETURNS TABLE (
    run_no integer, id uuid, attempt integer, status text, group_name text, host text, pid integer,
    claimed_at timestamptz, started_at timestamptz, finished_at timestamptz, latency_ms integer, exit_code integer,
    signal text, error_class text, error_message text, session_id text, input_tokens bigint,
    cached_input_tokens bigint, output_tokens bigint, cost_usd numeric, auth_mode text, resumed boolean,
    denials jsonb, change jsonb, commands jsonb
)
LANGUAGE sql STABLE
AS $$
    SELECT run_no, id, attempt, status, group_name, host, pid, claimed_at, started_at, finished_at, latency_ms,
        exit_code, signal, error_class, error_message, session_id, input_tokens, cached_input_tokens,
        output_tokens, cost_usd, auth_mode, resumed IS NOT NULL, denials,
        (SELECT to_jsonb(change) - 'run_id' FROM run_changes AS change WHERE run_id = task_runs.id),
        coalesce((
            SELECT jsonb_agg(
                to_jsonb(ran) - 'run_id' || jsonb_build_object('output_tail', coalesce(output_tail, ''))
                ORDER BY kind DESC)
            FROM run_commands AS ran WHERE run_id = task_runs.id
        ), '[]')
    FROM task_runs WHERE task_id = find_task(p_task) ORDER BY run_no
$$;
