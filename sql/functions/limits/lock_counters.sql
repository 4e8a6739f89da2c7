-- lock_counters(exclusive): who moves counters holds this lock shared; who changes limits or groups holds it alone.
-- So no task changes state between the count and the insert of a new limit, and a transaction may change many limits
-- and groups in any order without a deadlock against those who move their counters in the order of their names.
-- Raises LD400 in a transaction that is not READ COMMITTED.
CREATE OR REPLACE FUNCTION lock_counters(p_exclusive boolean) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM require_read_committed();
    IF p_exclusive THEN
        PERFORM pg_advisory_xact_lock(1819045741, 2);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(1819045741, 2);
    END IF;
END
$$;
