-- API seconds_until_lost(host_lost_after_s, default_timeout_s): in how many seconds recover_lost() would give up the next
-- run if no dispatcher were heard until then; 0 if it would now, Infinity if no run is open.
-- Cost: one probe for each run that is leased or running.
CREATE OR REPLACE FUNCTION seconds_until_lost(
    p_host_lost_after_s double precision, p_default_timeout_s double precision
) RETURNS double precision
LANGUAGE sql STABLE
AS $$
    SELECT greatest(0, coalesce(extract(EPOCH FROM min(greatest(
        dispatchers.last_heartbeat_at,
        coalesce(runs.started_at, runs.claimed_at)
            + make_interval(secs => coalesce(tasks.timeout_s, p_default_timeout_s))
    )) + make_interval(secs => p_host_lost_after_s) - clock())::double precision, 'Infinity'))
    FROM tasks JOIN task_runs AS runs ON runs.id = tasks.run_id
    JOIN dispatchers ON dispatchers.id = tasks.leased_by
    WHERE tasks.status IN ('leased', 'running')
$$;
