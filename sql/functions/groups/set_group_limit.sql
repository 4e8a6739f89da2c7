-- set_group_limit(group, max): takes effect at once; what runs above a lowered limit goes on to its end.
-- Locks and raises as change_group(); the claim lock comes first, so that no claim works with the old limit.
CREATE OR REPLACE FUNCTION set_group_limit(p_group text, p_max_concurrent integer) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF p_max_concurrent IS NULL THEN
        RAISE EXCEPTION 'a limit is 0 or more, not %', p_max_concurrent USING ERRCODE = 'LD400';
    END IF;
    PERFORM change_group(p_group, p_max_concurrent);
END
$$;
