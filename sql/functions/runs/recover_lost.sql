-- API recover_lost(host, host_lost_after_s, default_timeout_s, dry_run): gives up runs whose dispatcher does not come
-- back, as lost, and returns them with the seconds since their dispatcher was heard. A task that has attempts left is
-- tried again.
--
-- A lease that ended proves nothing, since agents outlive their dispatcher. So a run is given up only when a person
-- names its host, which must not have a living dispatcher; or when it had time to end (its timeout, or the default one)
-- and host_lost_after has passed since both that and the last heartbeat. A dispatcher that said goodbye may have left
-- agents running for its next start, so while it has runs it counts as away like any other. Dispatchers that are left
-- with nothing are closed, so that whatever they still report is refused. With dry_run nothing changes.
-- Locks: the dispatchers that are away, by id; their tasks by id, with the tries beside them; then as give_up_runs().
-- Raises LD404 when no dispatcher of that host is away, LD409 while one is alive.
CREATE OR REPLACE FUNCTION recover_lost(
    p_host text DEFAULT NULL, p_host_lost_after_s double precision DEFAULT 3600,
    p_default_timeout_s double precision DEFAULT 600, p_dry_run boolean DEFAULT false
) RETURNS TABLE (number bigint, run_no integer, host text, away_s double precision)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_left uuid [];
    v_away uuid [];
    v_lost uuid [];
BEGIN
    v_left := ARRAY(SELECT DISTINCT leased_by FROM tasks WHERE status IN ('leased', 'running'));
    IF p_host IS NOT NULL AND NOT EXISTS (
        SELECT FROM dispatchers WHERE (NOT closed OR id = ANY(v_left)) AND dispatchers.host = p_host
    ) THEN
        RAISE EXCEPTION 'host % has no dispatcher that is away or left runs',
            quote_literal(p_host) USING ERRCODE = 'LD404';
    END IF;
    PERFORM FROM dispatchers
    WHERE (NOT closed OR id = ANY(v_left)) AND lease_expires_at < clock()
        AND (p_host IS NULL OR dispatchers.host = p_host)
    ORDER BY id FOR UPDATE;
    v_now := clock();
    IF EXISTS (
        SELECT FROM dispatchers WHERE NOT closed AND dispatchers.host = p_host AND lease_expires_at >= v_now
    ) THEN
        RAISE EXCEPTION 'a dispatcher of host % is alive: stop it, and its next start continues its runs',
            quote_literal(p_host) USING ERRCODE = 'LD409';
    END IF;
    v_away := ARRAY(
        SELECT id FROM dispatchers
        WHERE (NOT closed OR id = ANY(v_left)) AND CASE
            WHEN p_host IS NULL THEN last_heartbeat_at + make_interval(secs => p_host_lost_after_s) < v_now
                AND lease_expires_at < v_now
            ELSE dispatchers.host = p_host
        END
    );
    -- All of them now: give_up_runs() moves counters several times, and must not wait for a task in between.
    PERFORM lock_with_tries(ARRAY(
        SELECT id FROM tasks WHERE leased_by = ANY(v_away) AND status IN ('leased', 'running')
    ));
    v_lost := ARRAY(
        SELECT runs.id FROM tasks JOIN task_runs AS runs ON runs.id = tasks.run_id
        WHERE tasks.leased_by = ANY(v_away) AND tasks.status IN ('leased', 'running')
            AND (p_host IS NOT NULL OR coalesce(runs.started_at, runs.claimed_at)
                + make_interval(secs => coalesce(tasks.timeout_s, p_default_timeout_s) + p_host_lost_after_s) < v_now)
    );
    IF NOT p_dry_run THEN
        PERFORM give_up_runs(v_lost);
        UPDATE dispatchers SET closed = true
        WHERE id = ANY(v_away) AND NOT closed AND NOT EXISTS (
            SELECT FROM tasks WHERE leased_by = dispatchers.id AND status IN ('leased', 'running')
        );
    END IF;
    RETURN QUERY
    SELECT tasks.number, runs.run_no, runs.host,
        extract(EPOCH FROM v_now - dispatchers.last_heartbeat_at)::double precision
    FROM task_runs AS runs JOIN tasks ON tasks.id = runs.task_id
    JOIN dispatchers ON dispatchers.id = runs.dispatcher_id
    WHERE runs.id = ANY(v_lost) ORDER BY tasks.number;
END
$$;
