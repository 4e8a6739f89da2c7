-- INTERNAL require_open_dispatcher(dispatcher): returns the row of a dispatcher that is open. This is the first fence
-- of everything that a dispatcher writes; a closed one never reopens.
-- Locks: the row, FOR SHARE, to the end of the transaction. So the dispatcher is not closed, and its runs are not taken
-- over, meanwhile. Raises LD410 when it is closed or unknown.
CREATE OR REPLACE FUNCTION require_open_dispatcher(p_dispatcher uuid) RETURNS dispatchers
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_dispatcher dispatchers;
BEGIN
    SELECT * INTO v_dispatcher FROM dispatchers WHERE id = p_dispatcher FOR SHARE;
    IF NOT FOUND OR v_dispatcher.closed THEN
        RAISE EXCEPTION 'dispatcher % is closed: register again', p_dispatcher USING ERRCODE = 'LD410';
    END IF;
    RETURN v_dispatcher;
END
$$;
