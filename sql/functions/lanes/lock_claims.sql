-- INTERNAL lock_claims(): takes the lock under which claims happen one at a time, until the end of the transaction.
-- It comes first in the lock order of all functions:
--   claim lock -> dispatchers row -> tasks by id -> counters lock -> concurrency_limits by scope
--   -> worker_groups by name -> task_runs
-- Producers (submit, cancel, ... of queued tasks) never take it, since their transaction may stay open for long.
-- Raises LD400 in a transaction that is not READ COMMITTED.
CREATE OR REPLACE FUNCTION lock_claims() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    -- Expressions: PERFORM is a statement, and costs 7 us more.
    v_done boolean := require_read_committed() IS NOT NULL;
BEGIN
    v_done := pg_advisory_xact_lock(1819045741, 1) IS NOT NULL;
END
$$;
