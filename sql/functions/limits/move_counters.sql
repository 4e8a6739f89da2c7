-- INTERNAL move_counters(scopes, deltas, groups): moves the counter of each scope by the delta at the same place, which
-- is never 0, and returns whether a slot was freed. The scope of a group is "group:NAME"; `groups` has their names.
-- Only the status trigger of tasks calls this.
-- Locks: the counters lock (shared), which keeps limits from coming and going; then concurrency_limits by scope; then
-- worker_groups by name. The settings leave the planner only an index, in whose order `= ANY` finds the rows, however
-- they are listed. So each update locks in that order, without a statement that locks before it.
-- Raises LD429 (by the guard) if a counter would rise above its maximum, and LD400 in a transaction that is not READ
-- COMMITTED.
CREATE OR REPLACE FUNCTION move_counters(p_scopes text [], p_deltas integer [], p_groups text []) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
BEGIN
    PERFORM lock_counters(false);
    UPDATE concurrency_limits
    SET current_concurrent = current_concurrent + p_deltas[array_position(p_scopes, scope)]
    WHERE scope = ANY(p_scopes);
    UPDATE worker_groups
    SET current_concurrent = current_concurrent + p_deltas[array_position(p_scopes, 'group:' || group_name)]
    WHERE group_name = ANY(p_groups);
    RETURN 0 > ANY(p_deltas);
END
$$;
