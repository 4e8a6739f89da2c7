-- claim_tasks(dispatcher, max_tasks): leases the next tasks to a dispatcher and opens a run for each; lease_tasks() says
-- what it answers and in which order.
-- Locks: claim lock, dispatchers row, and those of lease_tasks().
-- Raises LD410 when the dispatcher is closed, LD400 in a transaction that is not READ COMMITTED.
CREATE OR REPLACE FUNCTION claim_tasks(p_dispatcher uuid, p_max_tasks integer DEFAULT 10) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM lock_claims();
    RETURN lease_tasks(require_open_dispatcher(p_dispatcher), p_max_tasks);
END
$$;
