-- INTERNAL lock_limits(): takes the locks for a change of what a claim may take: the claim lock, so that no claim works
-- with old limits, and then the counters lock (exclusive). Keep the transaction short: until its end nothing is claimed
-- or finished. It may not idle for long, see bound_transaction().
CREATE OR REPLACE FUNCTION lock_limits() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM bound_transaction();
    PERFORM lock_claims();
    PERFORM lock_counters(true);
END
$$;
