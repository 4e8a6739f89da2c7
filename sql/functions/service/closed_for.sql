-- INTERNAL closed_for(dispatcher): returns the worker groups that this dispatcher cannot run, for group_is_served_by().
-- Call it once for many groups. It is plpgsql, whose plan is kept: each claim calls it.
CREATE OR REPLACE FUNCTION closed_for(p_dispatcher uuid) RETURNS text []
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN ARRAY(SELECT group_name FROM closed_groups WHERE dispatcher_id = p_dispatcher);
END
$$;
