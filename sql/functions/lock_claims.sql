-- lock_claims(): the lock under which claims, and all changes of what a claim may take, happen one at a time.
-- Held to the end of the transaction. First in the lock order of all functions:
--   claim lock -> dispatchers row -> tasks by id -> limit definitions (shared) -> concurrency_limits by scope
--   -> worker_groups by name -> task_runs
-- Producers (submit, cancel, ... of queued tasks) never take it: their transaction may stay open for long.
CREATE OR REPLACE FUNCTION lock_claims() RETURNS void
LANGUAGE sql VOLATILE
AS $$ SELECT pg_advisory_xact_lock(1819045741, 1) $$;
