-- INTERNAL write_leases(dispatcher, now, tasks, groups, resumes, continues): leases these tasks to the dispatcher, each
-- in the group at the same place, and opens a run for each. Returns the runs as the dispatcher gets them, in that
-- order. `resumes` is a task's own run whose session it goes on with, and `continues` that of another task; null where
-- it starts over.
-- One statement, which no join takes further than to keys that are given: its plan is kept, whatever there is.
-- Locks: by the status trigger the counters. Only lease_tasks() calls this, which holds the tasks.
CREATE OR REPLACE FUNCTION write_leases(
    p_dispatcher dispatchers, p_now timestamptz, p_task_ids uuid [], p_group_names text [], p_resumes uuid [],
    p_continues uuid []
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_runs jsonb;
BEGIN
    WITH leased AS (
        UPDATE tasks AS t SET status = 'leased', leased_by = p_dispatcher.id, group_name = given.group_name,
            run_id = gen_random_uuid(), run_no = t.run_no + 1, updated_at = p_now, resumes = given.resumes
        FROM unnest(p_task_ids, p_group_names, p_resumes, p_continues) WITH ORDINALITY
            AS given (id, group_name, resumes, continues, place)
        JOIN worker_groups AS g ON g.group_name = given.group_name AND g.group_name = ANY(p_group_names)
        LEFT JOIN LATERAL (
            SELECT id, directory, session_id FROM task_runs
            WHERE id = coalesce(given.resumes, given.continues) LIMIT 1
        ) AS session ON true
        WHERE t.id = given.id AND t.id = ANY(p_task_ids)
        RETURNING t.id, t.run_id, t.run_no, t.attempt + 1 AS attempt, t.group_name, session.id AS resumed,
            coalesce(session.directory, t.number || '-' || t.run_no) AS directory,
            greatest(t.created_at, t.ready_at, CASE WHEN t.run_no > 1 THEN (
                SELECT finished_at FROM task_runs AS former
                WHERE former.task_id = t.id AND former.run_no = t.run_no - 1
            ) END) AS ready_at,
            run_for_dispatch(
                t, g, t.run_id, t.run_no, coalesce(session.directory, t.number || '-' || t.run_no),
                session.session_id, t.resumes IS NOT NULL, prompt_in_claim(t.prompt)
            ) AS run, given.place
    ), opened AS (
        INSERT INTO task_runs (
            id, task_id, run_no, attempt, group_name, dispatcher_id, work_dir_id, host, boot_id, claimed_at, ready_at,
            resumed, directory
        )
        SELECT run_id, id, run_no, attempt, group_name, p_dispatcher.id, p_dispatcher.work_dir_id,
            p_dispatcher.host, p_dispatcher.boot_id, p_now, ready_at, resumed, directory
        FROM leased
    )
    SELECT jsonb_agg(run ORDER BY place) INTO v_runs FROM leased;
    RETURN v_runs;
END
$$;
