-- API list_dispatchers(): returns the dispatchers that have not said goodbye, with the seconds since their last
-- heartbeat and until the end of their lease. One whose lease has ended is away, which says nothing about its agents.
-- One that is draining starts nothing more and will end.
CREATE OR REPLACE FUNCTION list_dispatchers()
RETURNS TABLE (
    id uuid, host text, pid integer, version text, groups text [], started_at timestamptz,
    heartbeat_age_s double precision, lease_left_s double precision, alive boolean, draining boolean, active bigint
)
LANGUAGE sql VOLATILE
AS $$
    SELECT d.id, d.host, d.pid, d.version, d.groups, d.started_at,
        extract(EPOCH FROM clock() - last_heartbeat_at)::double precision,
        extract(EPOCH FROM lease_expires_at - clock())::double precision, lease_expires_at > clock(), draining,
        (SELECT count(*) FROM tasks WHERE leased_by = d.id AND status IN ('leased', 'running'))
    FROM dispatchers AS d WHERE NOT closed ORDER BY last_heartbeat_at DESC
$$;
