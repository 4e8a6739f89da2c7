-- lock_limit_definitions(exclusive): keeps a new limit's first count true. Who moves counters holds it shared; who
-- creates or removes a limit holds it alone, so that no task changes state between counting and inserting.
CREATE OR REPLACE FUNCTION lock_limit_definitions(p_exclusive boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF p_exclusive THEN
        PERFORM pg_advisory_xact_lock(1819045741, 2);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(1819045741, 2);
    END IF;
END
$$;
