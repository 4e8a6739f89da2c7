-- set_group_limit(group, max): takes effect at once; what runs above a lowered limit goes on to its end.
-- Locks: claim lock first, so that no claim works with the old limit; counters lock (alone), the group. Raises LD404, LD400.
CREATE OR REPLACE FUNCTION set_group_limit(p_group text, p_max_concurrent integer) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM lock_limits();
    PERFORM require_group(p_group);
    IF p_max_concurrent IS NULL OR p_max_concurrent < 0 THEN
        RAISE EXCEPTION 'a limit is 0 or more, not %', p_max_concurrent USING ERRCODE = 'LD400';
    END IF;
    UPDATE worker_groups SET max_concurrent = p_max_concurrent, updated_at = clock() WHERE group_name = p_group;
END
$$;
