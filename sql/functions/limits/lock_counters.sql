-- INTERNAL lock_counters(exclusive): takes the lock of the counters: shared to move counters, exclusive to change
-- limits or groups. So no task changes its state between the count and the insert of a new limit. And a transaction may
-- change many limits and groups in any order, without a deadlock against transactions that move counters in the order
-- of their names.
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
