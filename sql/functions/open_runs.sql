-- open_runs(dispatcher): the open runs in the hands of this dispatcher, as a JSON array of {"run": as a claim answers
-- it, "started": whether the agent was said to run, "ran_s": for how long, "boot_id": of the machine when it was
-- claimed, "cancel_requested": ...}. For a dispatcher that adopted runs, or that did not hear the answer to a claim.
CREATE OR REPLACE FUNCTION open_runs(p_dispatcher uuid) RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'run', runs_for_dispatch(ARRAY[t.id]) -> 0, 'started', t.status = 'running',
        'ran_s', coalesce(extract(EPOCH FROM clock() - r.started_at), 0), 'boot_id', r.boot_id,
        'cancel_requested', t.cancel_requested_at IS NOT NULL
    ) ORDER BY t.number), '[]')
    FROM tasks AS t JOIN task_runs AS r ON r.id = t.run_id
    WHERE t.leased_by = p_dispatcher AND t.status IN ('leased', 'running')
$$;
