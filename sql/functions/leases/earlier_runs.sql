-- INTERNAL earlier_runs(dispatcher, tasks, groups): what tasks that are leased in these groups take over from earlier
-- runs, an array of each, in their order. `resumes` is a task's own run whose session it goes on with: only in the
-- group and the work directory of the session; elsewhere it starts over. `sessions` is that run or the one of another
-- task that it continues, with its directory and session_id. `finished_at` is when the task's last run ended.
-- Only write_leases() calls this, for tasks of which one has such a run.
CREATE OR REPLACE FUNCTION earlier_runs(
    p_dispatcher dispatchers, p_task_ids uuid [], p_group_names text [],
    OUT resumes uuid [], OUT sessions uuid [], OUT directories text [], OUT session_ids text [],
    OUT finished_at timestamptz []
)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    SELECT array_agg(own.id ORDER BY place), array_agg(session.id ORDER BY place),
        array_agg(session.directory ORDER BY place), array_agg(session.session_id ORDER BY place),
        array_agg(former.finished_at ORDER BY place)
    INTO resumes, sessions, directories, session_ids, finished_at
    FROM unnest(p_task_ids, p_group_names) WITH ORDINALITY AS given (id, group_name, place)
    JOIN tasks AS t ON t.id = given.id AND t.id = ANY(p_task_ids)
    LEFT JOIN LATERAL (
        SELECT id FROM task_runs
        WHERE id = t.resumes AND group_name = given.group_name AND work_dir_id = p_dispatcher.work_dir_id LIMIT 1
    ) AS own ON true
    LEFT JOIN LATERAL (
        SELECT id, directory, session_id FROM task_runs WHERE id = coalesce(own.id, t.continues) LIMIT 1
    ) AS session ON true
    LEFT JOIN LATERAL (
        SELECT task_runs.finished_at FROM task_runs WHERE id = t.run_id LIMIT 1
    ) AS former ON true;
END
$$;
