-- API remove_group(group): removes an account. Its runs stay in the audit, and what they cost today is kept for a group
-- that is added for the account again.
-- Locks: claim lock, counters lock (exclusive), the group.
-- Raises LD404, and LD409 while tasks run in the group or wait for its account.
CREATE OR REPLACE FUNCTION remove_group(p_group text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_group worker_groups;
    v_waiting bigint;
BEGIN
    PERFORM lock_limits();
    PERFORM require_group(p_group);
    SELECT * INTO v_group FROM worker_groups WHERE group_name = p_group FOR UPDATE;
    SELECT count(*) INTO v_waiting FROM tasks
    WHERE status = 'queued' AND tool = v_group.tool AND account = v_group.account_name;
    IF v_group.current_concurrent > 0 OR v_waiting > 0 THEN
        RAISE EXCEPTION 'group % still has tasks: % running, % waiting for its account', p_group,
            v_group.current_concurrent, v_waiting
            USING ERRCODE = 'LD409', HINT = 'pause it, and remove it when they have ended or were canceled';
    END IF;
    INSERT INTO removed_spending (tool, account_name, spent_on, spent_usd)
    SELECT v_group.tool, v_group.account_name, v_group.spent_on, v_group.spent_usd WHERE v_group.spent_on IS NOT NULL
    ON CONFLICT (tool, account_name) DO UPDATE SET spent_on = excluded.spent_on, spent_usd = excluded.spent_usd;
    DELETE FROM worker_groups WHERE group_name = p_group;
END
$$;
