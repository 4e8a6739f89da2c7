-- API close_dispatcher(dispatcher): closes a dispatcher that ends. Its open runs stay as they are, for the next holder
-- of the work directory. Its notification differs from a heartbeat, so listeners know that something changed.
CREATE OR REPLACE FUNCTION close_dispatcher(p_dispatcher uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE dispatchers SET closed = true, lease_expires_at = clock() WHERE id = p_dispatcher AND NOT closed;
    PERFORM pg_notify('dispatcher_heartbeat', 'closed ' || p_dispatcher);
END
$$;
