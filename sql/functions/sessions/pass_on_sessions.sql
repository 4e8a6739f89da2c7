-- INTERNAL pass_on_sessions(dispatcher, now, tasks, groups): returns those of the tasks that a claim picked which the
-- dispatcher may run, with their groups. It must not run a task that continues a session of another work directory: only
-- there are the agent's files and the CLI's memory of it. Such a task waits (`retry`, no attempt used) until a claim of
-- that directory's dispatcher has had a chance: about a second if it is at work, else for a minute or until it is
-- registered again. A task of its own that was cut short (`resumes`) starts over elsewhere instead, see earlier_runs().
-- Only lease_tasks() calls this, which holds the tasks, and only if one of them has a past.
CREATE OR REPLACE FUNCTION pass_on_sessions(
    p_dispatcher dispatchers, p_now timestamptz, INOUT p_task_ids uuid [], INOUT p_group_names text []
)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_foreign uuid [] := ARRAY(
        SELECT tasks.id FROM tasks JOIN task_runs AS session ON session.id = tasks.continues
        WHERE tasks.id = ANY(p_task_ids) AND session.work_dir_id <> p_dispatcher.work_dir_id
    );
BEGIN
    IF v_foreign = '{}' THEN
        RETURN;
    END IF;
    UPDATE tasks SET wait_reason = 'retry', updated_at = p_now, next_attempt_at = p_now + make_interval(secs => CASE
        WHEN why_session_waits(continues, p_now) IS NULL THEN 0.5 + random()
        ELSE 60
    END)
    WHERE id = ANY(v_foreign);
    SELECT coalesce(array_agg(id ORDER BY place), '{}'), coalesce(array_agg(group_name ORDER BY place), '{}')
    INTO p_task_ids, p_group_names
    FROM unnest(p_task_ids, p_group_names) WITH ORDINALITY AS picked (id, group_name, place)
    WHERE id <> ALL(v_foreign);
END
$$;
