-- INTERNAL lock_limits(): takes the locks for a change of what a claim may take: the claim lock, so that no claim works
-- with old limits, and then the counters lock (exclusive). Keep the transaction short: until its end nothing is claimed
-- or finished.
CREATE OR REPLACE FUNCTION lock_limits() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM lock_claims();
    PERFORM lock_counters(true);
END
$$;
