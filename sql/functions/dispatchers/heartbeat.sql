-- API heartbeat(dispatcher): proves with one statement that a dispatcher lives. It extends the lease of all its runs.
-- It returns the runs that somebody asked to stop, in case the notification was missed. It notifies
-- dispatcher_heartbeat with the id, by which the dispatcher proves that its listener hears. It also returns
-- next_deadline_s as a claim would: that corrects a timer which was set before somebody set the clock of this server.
-- It folds the tallies before it locks anything.
-- Cost: one row written, index probes, and what fold_tallies() finds. Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION heartbeat(p_dispatcher uuid)
RETURNS TABLE (cancel_requested uuid [], next_deadline_s double precision)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM fold_tallies();
    UPDATE dispatchers SET last_heartbeat_at = clock(), lease_expires_at = clock() + make_interval(secs => lease_s)
    WHERE id = p_dispatcher AND NOT closed;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'dispatcher % is closed: register again', p_dispatcher USING ERRCODE = 'LD410';
    END IF;
    PERFORM pg_notify('dispatcher_heartbeat', p_dispatcher::text);
    cancel_requested := ARRAY(
        SELECT run_id FROM tasks
        WHERE leased_by = p_dispatcher AND status IN ('leased', 'running') AND cancel_requested_at IS NOT NULL
    );
    next_deadline_s := extract(EPOCH FROM next_deadline(p_dispatcher));
    RETURN NEXT;
END
$$;
