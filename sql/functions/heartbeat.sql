-- heartbeat(dispatcher): proves life with one statement: extends the lease of all its runs, answers the runs that
-- somebody asked to stop (in case the notification was missed), and notifies dispatcher_heartbeat with the id, by
-- which a dispatcher proves that its listener hears. Raises LD410 when the dispatcher was closed.
CREATE OR REPLACE FUNCTION heartbeat(p_dispatcher uuid) RETURNS uuid []
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE dispatchers SET last_heartbeat_at = clock(), lease_expires_at = clock() + make_interval(secs => lease_s)
    WHERE id = p_dispatcher AND NOT closed;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'dispatcher % is closed: register anew', p_dispatcher USING ERRCODE = 'LD410';
    END IF;
    PERFORM pg_notify('dispatcher_heartbeat', p_dispatcher::text);
    RETURN ARRAY(
        SELECT run_id FROM tasks
        WHERE leased_by = p_dispatcher AND status IN ('leased', 'running') AND cancel_requested_at IS NOT NULL
    );
END
$$;
