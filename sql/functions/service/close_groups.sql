-- API close_groups(dispatcher, reasons, refuses): says which worker groups this dispatcher cannot run, and why: an object
-- {group: reason}. Its other groups are open for it again. `refuses` are the rights that it grants to no task, see
-- require_granted(); null leaves them as they are. Returns the groups that it serves, each with what it lacks
-- or null. A dispatcher calls this when it starts and when it reads its configuration again.
-- Raises LD410 when the dispatcher is closed.
-- Locks: the dispatchers row, and the groups that it closes (FOR KEY SHARE): one that is removed meanwhile is
-- passed over.
CREATE OR REPLACE FUNCTION close_groups(p_dispatcher uuid, p_reasons jsonb, p_refuses text [] DEFAULT NULL)
RETURNS TABLE (group_name text, reason text)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_me dispatchers;
BEGIN
    -- Before the fence: who waits to change a row that it has locked FOR SHARE may wait for a heartbeat that waits for it.
    UPDATE dispatchers SET refuses = p_refuses
    WHERE id = p_dispatcher AND NOT closed AND p_refuses IS NOT NULL AND refuses IS DISTINCT FROM p_refuses;
    v_me := require_open_dispatcher(p_dispatcher);
    PERFORM reopen_group(c.group_name, NULL, p_dispatcher) FROM closed_groups AS c
    WHERE dispatcher_id = p_dispatcher AND NOT p_reasons ? c.group_name;
    INSERT INTO closed_groups (dispatcher_id, group_name, reason, since)
    SELECT p_dispatcher, g.group_name, p_reasons ->> g.group_name, clock()
    FROM worker_groups AS g
    WHERE p_reasons ? g.group_name AND group_is_served_by(g, v_me, '{}')
    ORDER BY g.group_name FOR KEY SHARE OF g
    ON CONFLICT (dispatcher_id, group_name) DO UPDATE SET reason = excluded.reason;
    RETURN QUERY
    SELECT g.group_name, c.reason
    FROM worker_groups AS g
    LEFT JOIN closed_groups AS c ON c.dispatcher_id = p_dispatcher AND c.group_name = g.group_name
    WHERE group_is_served_by(g, v_me, '{}') ORDER BY g.group_name;
END
$$;
