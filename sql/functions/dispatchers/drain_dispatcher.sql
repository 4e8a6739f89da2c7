-- API drain_dispatcher(dispatcher): says that a dispatcher starts nothing more and will end. Its lease goes on. Its
-- notification differs from a heartbeat, so listeners know that something changed.
CREATE OR REPLACE FUNCTION drain_dispatcher(p_dispatcher uuid) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE dispatchers SET draining = true WHERE id = p_dispatcher AND NOT closed AND NOT draining;
    IF FOUND THEN
        PERFORM pg_notify('dispatcher_heartbeat', 'draining ' || p_dispatcher);
    END IF;
END
$$;
