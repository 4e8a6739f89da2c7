-- API inbox(select): returns what waits for a person, the oldest of each kind first: kind, what it is about (the number of
-- a task, or a worker group), what there is to decide in a sentence, since when, and the commands that resolve it.
-- Kinds: question, approval; unmet, which are tasks that are held since a task that they come after did not end as they need;
-- login, no_credit, paused and over_budget, which are worker groups; paused, too, of schedules that paused themselves; failed, and over_budget of tasks whose run spent what it
-- may, of trees (by the task at the root) and of workflows (by their name) that used up their budget. Failed tasks are the newest 100 that ended within 7 days,
-- that nobody denied or replied to, and that are no try of a set in which another one was picked. Of questions, approvals and
-- unmet there are at most 1,000 each. Groups and workflows are shown to sessions without tenants of their own only, and where
-- no selection asks for tasks.
-- Cost: that of what it returns, by tasks_by_state; of failed tasks the newest 1,000 are looked at, of unmet needs 10,000.
-- Raises LD400 and LD404, see read_selection().
CREATE OR REPLACE FUNCTION inbox(p_select jsonb DEFAULT '{}')
RETURNS TABLE (
    kind text, number bigint, group_name text, name text, what text, since timestamptz, verbs text []
)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN QUERY SELECT * FROM tasks_for_people(read_selection(p_select))
    UNION ALL SELECT * FROM trees_for_people(read_selection(p_select))
    UNION ALL
    SELECT * FROM groups_for_people() WHERE session_tenants() IS NULL AND p_select = '{}'
    UNION ALL
    SELECT * FROM workflows_for_people() WHERE session_tenants() IS NULL AND p_select = '{}'
    UNION ALL
    SELECT * FROM schedules_for_people() WHERE p_select = '{}'
    ORDER BY 1, 6, 2;
END
$$;
