-- API end_idle_sessions(pids, after_s): returns whose these server processes are (role, application_name and address),
-- what they do (`state`) and since when they have been in their transaction; and ends those that have idled in their
-- transaction for so long: `ended`. Without after_s, none. It keeps the rights of its caller, as only PostgreSQL decides whose
-- sessions that may see and end: those of its own role, or all with pg_read_all_stats and pg_signal_backend. What the
-- caller may not see is null, and what it may not end goes on.
CREATE OR REPLACE FUNCTION end_idle_sessions(p_pids integer [], p_after_s double precision DEFAULT NULL)
RETURNS TABLE (pid integer, who text, state text, in_transaction_s double precision, ended boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    FOR pid, who, state, in_transaction_s, ended IN
        SELECT a.pid, format('%s (%s%s)', coalesce(usename, 'an unknown role'),
                coalesce(nullif(application_name, ''), 'no application_name'), ', ' || host(client_addr)),
            a.state, extract(EPOCH FROM clock_timestamp() - xact_start)::double precision,
            coalesce(a.state LIKE 'idle in transaction%'
                AND state_change <= clock_timestamp() - make_interval(secs => p_after_s), false)
        FROM pg_stat_activity AS a WHERE a.pid = ANY(p_pids) AND a.pid <> pg_backend_pid() ORDER BY a.pid
    LOOP
        IF ended THEN
            BEGIN
                ended := pg_terminate_backend(pid);
            EXCEPTION
                WHEN insufficient_privilege THEN ended := false;
            END;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
