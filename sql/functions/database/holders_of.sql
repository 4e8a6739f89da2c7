-- API holders_of(dispatcher, runs, backends): returns the server processes whose transactions hold up a dispatcher: those
-- that hold the tasks of these runs or tries beside them, and those for which these server processes wait, directly or
-- behind others that wait. A dispatcher asks when it has been held up for a while.
-- The row of a task says which transaction holds it, or which group of them (a multixact) if several do; pg_locks, which
-- everybody may read, says whose transaction it is. A row does not say which of the two its number is, so what is the
-- number of a running transaction counts as that. Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION holders_of(p_dispatcher uuid, p_runs uuid [], p_backends integer []) RETURNS integer []
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_mark xid;
    v_found integer [];
    v_pids integer [] := '{}';
BEGIN
    IF NOT EXISTS (SELECT FROM dispatchers WHERE id = p_dispatcher AND NOT closed) THEN
        RAISE EXCEPTION 'dispatcher % is closed: register again', p_dispatcher USING ERRCODE = 'LD410';
    END IF;
    FOR v_mark IN
        SELECT DISTINCT xmax::text::xid FROM tasks
        WHERE id = ANY(with_tries(ARRAY(SELECT task_id FROM task_runs WHERE task_runs.id = ANY(p_runs)))) AND xmax <> '0'
    LOOP
        v_found := ARRAY(SELECT pid FROM pg_locks WHERE locktype = 'transactionid' AND granted AND transactionid = v_mark);
        IF v_found = '{}' THEN
            BEGIN
                v_found := ARRAY(
                    SELECT pid FROM pg_locks JOIN pg_get_multixact_members(v_mark) AS member ON transactionid = member.xid
                    WHERE locktype = 'transactionid' AND granted
                );
            EXCEPTION
                WHEN OTHERS THEN NULL;  -- there is no such multixact
            END;
        END IF;
        v_pids := v_pids || v_found;
    END LOOP;
    RETURN ARRAY(
        WITH RECURSIVE ahead AS (
            SELECT unnest(pg_blocking_pids(waiting)) AS pid FROM unnest(p_backends) AS waiting
            UNION
            SELECT unnest(pg_blocking_pids(pid)) FROM ahead
        )
        SELECT pid FROM unnest(v_pids) AS pid WHERE pid <> pg_backend_pid()
        UNION
        SELECT pid FROM ahead WHERE pid > 0 AND pg_blocking_pids(pid) = '{}'
    );
END
$$;
