-- API register_dispatcher(host, …): registers a new start of a dispatcher and returns its id, which fences everything
-- that it writes. The row is the lease of all its runs. Null groups mean all groups. What earlier dispatchers could not
-- run is forgotten, and tasks that wait for the holder of a session in this work directory are ready. Raises LD404 for
-- an unknown group.
CREATE OR REPLACE FUNCTION register_dispatcher(
    p_host text, p_boot_id text, p_pid integer, p_version text, p_work_dir_id uuid, p_lease_s double precision,
    p_groups text [] DEFAULT NULL, p_work_dir text DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_id uuid;
BEGIN
    PERFORM require_group(group_name) FROM unnest(p_groups) AS group_name;
    INSERT INTO dispatchers (
        started_at, host, boot_id, pid, version, work_dir_id, groups, work_dir, lease_s, last_heartbeat_at, lease_expires_at
    )
    VALUES (
        clock(), p_host, p_boot_id, p_pid, p_version, p_work_dir_id, p_groups, p_work_dir, p_lease_s,
        clock(), clock() + make_interval(secs => p_lease_s)
    )
    RETURNING id INTO v_id;
    DELETE FROM closed_groups USING dispatchers WHERE dispatchers.id = dispatcher_id AND closed;
    PERFORM wake_sessions(p_work_dir_id);
    PERFORM pg_notify('dispatcher_heartbeat', v_id::text);
    RETURN v_id;
END
$$;
