-- INTERNAL write_leases(dispatcher, now, tasks, groups): leases these tasks to the dispatcher, each in the group at
-- the same place of the other array, and opens a run for each. A task goes on with its session only in the group and
-- the work directory of the session; elsewhere it starts over.
-- Locks: by the status trigger the counters. Only lease_tasks() calls this, which holds the tasks.
CREATE OR REPLACE FUNCTION write_leases(
    p_dispatcher dispatchers, p_now timestamptz, p_task_ids uuid [], p_group_names text []
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE tasks SET status = 'leased', leased_by = p_dispatcher.id, group_name = leased.group_name,
        run_id = gen_random_uuid(), run_no = run_no + 1, updated_at = p_now, resumes = (
            SELECT session.id FROM task_runs AS session
            WHERE session.id = tasks.resumes AND session.group_name = leased.group_name
                AND session.work_dir_id = p_dispatcher.work_dir_id
        )
    FROM unnest(p_task_ids, p_group_names) AS leased (id, group_name)
    WHERE tasks.id = leased.id AND tasks.id = ANY(p_task_ids);

    INSERT INTO task_runs (
        id, task_id, run_no, attempt, group_name, dispatcher_id, work_dir_id, host, boot_id, claimed_at, ready_at,
        resumed, directory
    )
    SELECT t.run_id, t.id, t.run_no, t.attempt + 1, t.group_name, p_dispatcher.id, p_dispatcher.work_dir_id,
        p_dispatcher.host, p_dispatcher.boot_id, p_now,
        greatest(t.created_at, t.ready_at, CASE WHEN t.run_no > 1 THEN (
            SELECT finished_at FROM task_runs AS former
            WHERE former.task_id = t.id AND former.run_no = t.run_no - 1
        ) END),
        session.id, coalesce(session.directory, t.number || '-' || t.run_no)
    FROM tasks AS t LEFT JOIN LATERAL (
        SELECT id, directory FROM task_runs WHERE id = coalesce(t.resumes, t.continues) LIMIT 1
    ) AS session ON true
    WHERE t.id = ANY(p_task_ids);
END
$$;
