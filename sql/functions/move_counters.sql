-- move_counters(scopes, groups): moves the counters by one for each entry, up or down.
-- Entries are "+scope" or "-scope"; an entry may stand many times. Only the status triggers of tasks call this.
-- Locks: the counters lock (shared), then concurrency_limits by scope, then worker_groups by name.
-- Returns whether a slot was freed. Raises LD429 (by the guard) if a counter would rise above its maximum, and LD400
-- in a transaction that is not READ COMMITTED.
CREATE OR REPLACE FUNCTION move_counters(p_scopes text [], p_groups text []) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    moved record;
    v_freed boolean := false;
BEGIN
    PERFORM lock_counters(false);
    FOR moved IN
        SELECT substr(entry, 2) COLLATE "C" AS scope,
            sum(CASE left(entry, 1) WHEN '+' THEN 1 ELSE -1 END)::integer AS delta
        FROM unnest(p_scopes) AS entry GROUP BY 1
        HAVING sum(CASE left(entry, 1) WHEN '+' THEN 1 ELSE -1 END) <> 0 ORDER BY 1
    LOOP
        v_freed := v_freed OR moved.delta < 0;
        UPDATE concurrency_limits SET current_concurrent = current_concurrent + moved.delta
        WHERE scope = moved.scope;
    END LOOP;
    FOR moved IN
        SELECT substr(entry, 2) COLLATE "C" AS group_name,
            sum(CASE left(entry, 1) WHEN '+' THEN 1 ELSE -1 END)::integer AS delta
        FROM unnest(p_groups) AS entry GROUP BY 1
        HAVING sum(CASE left(entry, 1) WHEN '+' THEN 1 ELSE -1 END) <> 0 ORDER BY 1
    LOOP
        v_freed := v_freed OR moved.delta < 0;
        UPDATE worker_groups SET current_concurrent = current_concurrent + moved.delta
        WHERE group_name = moved.group_name;
    END LOOP;
    RETURN v_freed;
END
$$;
