-- INTERNAL current_tallies(by_tenant): returns how many tasks there are of each kind, of the tenants of this session.
-- A kind may have several rows, whose sum counts. The sums are exact for the snapshot that this is read in. `account`
-- is the one that a queued task pins, or ''. Who needs no tenants says so, and reads rows for all of them together, with
-- the tenant '', where the session is not confined.
-- Cost: that of the kinds that there are, and of what the inbox holds. Readers sum up anyway, so this does not.
CREATE OR REPLACE FUNCTION current_tallies(p_by_tenant boolean)
RETURNS TABLE (tenant_id text, tool text, account text, queue text, state text, tasks bigint)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_mine text [] := session_tenants();
    v_together boolean := v_mine IS NULL AND NOT p_by_tenant;
BEGIN
    RETURN QUERY
    SELECT tenant_id, tool, account, queue, state, tasks FROM task_tallies
    WHERE tenant_id = ANY(CASE WHEN v_together THEN '{""}' ELSE v_mine END)
    UNION ALL
    SELECT tenant_id, tool, account, queue, state, tasks FROM task_tallies
    WHERE v_mine IS NULL AND NOT v_together AND tenant_id <> ''
    UNION ALL
    SELECT CASE WHEN v_together THEN '' ELSE tenant_id END, tool, account, queue, state, tasks FROM task_tally_inbox
    WHERE state <> 'submitted' AND (v_mine IS NULL OR tenant_id = ANY(v_mine));
END
$$;
