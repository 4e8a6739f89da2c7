-- INTERNAL account_has_room(tool, account, dispatcher, now, filled): whether the group of this account has a free
-- slot for the dispatcher and is not among what the claim at hand has filled. Only lane_has_room() calls this.
CREATE OR REPLACE FUNCTION account_has_room(
    p_tool text, p_account text, p_dispatcher dispatchers, p_now timestamptz, p_filled text []
) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN 'account:' || p_tool || chr(31) || p_account <> ALL(p_filled) AND EXISTS (
        SELECT FROM worker_groups AS g
        WHERE tool = p_tool AND account_name = p_account
            AND free_slots(g, p_now) > 0 AND group_is_served_by(g, p_dispatcher, (SELECT closed_for(p_dispatcher.id)))
    );
END
$$;
