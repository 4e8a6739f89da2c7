-- INTERNAL lock_limits(): takes what one needs to change what a claim may take: the claim lock, so that no claim works
-- with old limits, and then the counters lock (exclusive). Keep the transaction short: nothing is claimed or finished
-- in it.
CREATE OR REPLACE FUNCTION lock_limits() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM lock_claims();
    PERFORM lock_counters(true);
END
$$;
