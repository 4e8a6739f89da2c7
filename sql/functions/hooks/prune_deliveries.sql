-- API prune_deliveries(keep_s, most): deletes what was told, or given up, longer ago, at most 1,000 of them; and of each hook
-- the oldest pending deliveries above `most`, which are counted as dropped. Returns how many were deleted. Workflows that
-- are done become events, too: where no dispatcher has hooks, nobody else looks.
-- Locks: deliveries (SKIP LOCKED), hooks.
CREATE OR REPLACE FUNCTION prune_deliveries(p_keep_s double precision, p_most integer DEFAULT 10000) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_count integer;
    v_dropped integer;
    v_hook record;
BEGIN
    PERFORM settle_workflows();
    DELETE FROM hook_deliveries WHERE number IN (
        SELECT number FROM hook_deliveries WHERE ended_at < clock() - make_interval(secs => p_keep_s)
        ORDER BY ended_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    );
    GET DIAGNOSTICS v_count = ROW_COUNT;
    FOR v_hook IN
        SELECT h.name, (
            SELECT number FROM hook_deliveries AS d WHERE d.hook = h.name AND d.state = 'pending'
            ORDER BY number DESC OFFSET p_most LIMIT 1
        ) AS upto FROM hooks AS h
    LOOP
        CONTINUE WHEN v_hook.upto IS NULL;
        DELETE FROM hook_deliveries WHERE number IN (
            SELECT number FROM hook_deliveries AS d
            WHERE d.hook = v_hook.name AND d.state = 'pending' AND d.number <= v_hook.upto
            LIMIT 1000 FOR UPDATE SKIP LOCKED
        );
        GET DIAGNOSTICS v_dropped = ROW_COUNT;
        UPDATE hooks SET dropped = dropped + v_dropped WHERE name = v_hook.name;
        v_count := v_count + v_dropped;
    END LOOP;
    RETURN v_count;
END
$$;
