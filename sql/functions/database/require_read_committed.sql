-- INTERNAL require_read_committed(): raises LD400 outside of READ COMMITTED. Whoever waits for a lock and then counts
-- must see what its holder did. In a REPEATABLE READ transaction the snapshot is older than the lock, and counters
-- would drift.
CREATE OR REPLACE FUNCTION require_read_committed() RETURNS void
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'a % transaction cannot change claims, runs or limits: expected READ COMMITTED',
            upper(current_setting('transaction_isolation')) USING ERRCODE = 'LD400';
    END IF;
END
$$;
