-- lock_limits(): for those who change what a claim may take. The claim lock first, so that no claim works with old
-- limits, then the counters. Keep the transaction short: nothing is claimed or finished while it is open.
CREATE OR REPLACE FUNCTION lock_limits() RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM lock_claims();
    PERFORM lock_counters(true);
END
$$;
