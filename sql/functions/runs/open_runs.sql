-- API open_runs(dispatcher, after): returns the next open runs of this dispatcher, of tasks with a number above
-- `after`, in that order: about 256 KiB of them, and none when there are no more. It is for a dispatcher that adopted
-- runs, or did not get the result of a claim.
-- The result is a JSON array of {"run": as a claim returns it, but without its prompt, "started": whether the agent was
-- reported to run, "ran_s": for how long, "boot_id": of the machine when it was claimed, "cancel_requested": ...}. A
-- run that was started needs no prompt any more; for the others read_prompt() returns it.
CREATE OR REPLACE FUNCTION open_runs(p_dispatcher uuid, p_after bigint DEFAULT 0) RETURNS jsonb
LANGUAGE sql VOLATILE
AS $$
    SELECT coalesce(jsonb_agg(listed ORDER BY number), '[]')
    FROM (
        SELECT number, listed, sum(size) OVER (ORDER BY number) - size AS before
        FROM (
            SELECT number, listed, octet_length(listed::text) AS size
            FROM (
                SELECT t.number, jsonb_build_object(
                    'run', run_for_dispatch(
                        t, g, r.id, r.run_no, r.directory, session.session_id, t.resumes IS NOT NULL, NULL
                    ),
                    'started', t.status = 'running',
                    'ran_s', coalesce(extract(EPOCH FROM clock() - r.started_at), 0), 'boot_id', r.boot_id,
                    'cancel_requested', t.cancel_requested_at IS NOT NULL
                ) AS listed
                FROM tasks AS t JOIN worker_groups AS g USING (group_name) JOIN task_runs AS r ON r.id = t.run_id
                LEFT JOIN task_runs AS session ON session.id = r.resumed
                WHERE t.id = ANY(ARRAY(
                    SELECT id FROM tasks
                    WHERE leased_by = p_dispatcher AND status IN ('leased', 'running') AND number > p_after
                    ORDER BY number LIMIT 300
                ))
            ) AS open
        ) AS measured
    ) AS page
    WHERE before < 262144
$$;
