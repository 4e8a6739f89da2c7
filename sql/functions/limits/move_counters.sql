-- INTERNAL move_counters(moves): moves the counters of limits and groups by one for each entry, and returns whether a
-- slot was freed. An entry is "+scope" or "-scope" and may stand several times; a group's scope is "group:NAME". Only
-- the status trigger of tasks calls this.
-- Locks: the counters lock (shared), which keeps limits from coming and going; then concurrency_limits by scope; then
-- worker_groups by name.
-- Raises LD429 (by the guard) if a counter would rise above its maximum, and LD400 in a transaction that is not READ
-- COMMITTED.
CREATE OR REPLACE FUNCTION move_counters(p_moves text []) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    moved record;
    v_freed boolean := false;
BEGIN
    PERFORM lock_counters(false);
    FOR moved IN
        SELECT * FROM (
            SELECT substr(entry, 2) COLLATE "C" AS counter, starts_with(entry, left(entry, 1) || 'group:') AS is_group,
                sum(CASE left(entry, 1) WHEN '+' THEN 1 ELSE -1 END)::integer AS delta
            FROM unnest(p_moves) AS entry GROUP BY 1, 2
        ) AS counters
        WHERE delta <> 0
            AND (is_group OR counter = (SELECT scope FROM concurrency_limits WHERE scope = counter))
        ORDER BY is_group, counter
    LOOP
        v_freed := v_freed OR moved.delta < 0;
        IF moved.is_group THEN
            UPDATE worker_groups SET current_concurrent = current_concurrent + moved.delta
            WHERE group_name = substr(moved.counter, length('group:') + 1);
        ELSE
            UPDATE concurrency_limits SET current_concurrent = current_concurrent + moved.delta
            WHERE scope = moved.counter;
        END IF;
    END LOOP;
    RETURN v_freed;
END
$$;
