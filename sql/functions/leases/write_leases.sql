-- INTERNAL write_leases(dispatcher, now, tasks, groups, has_past): leases these tasks to the dispatcher, each in the
-- group at the same place of the other array, and opens a run for each. Returns the runs as a JSON array, in that order
-- and as run_for_dispatch() writes them. `has_past` says that earlier_runs() is to be asked.
-- One statement writes and returns everything, and reaches all rows by keys that are parameters.
-- Locks: by the status trigger the counters. Only lease_tasks() calls this, which holds the tasks.
CREATE OR REPLACE FUNCTION write_leases(
    p_dispatcher dispatchers, p_now timestamptz, p_task_ids uuid [], p_group_names text [], p_has_past boolean
) RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_resumes uuid [];
    v_sessions uuid [];
    v_directories text [];
    v_session_ids text [];
    v_finished_at timestamptz [];
    v_runs json;
BEGIN
    IF p_has_past THEN
        SELECT * INTO v_resumes, v_sessions, v_directories, v_session_ids, v_finished_at
        FROM earlier_runs(p_dispatcher, p_task_ids, p_group_names);
    END IF;
    WITH leased AS (
        UPDATE tasks AS t SET status = 'leased', leased_by = p_dispatcher.id, group_name = given.group_name,
            run_id = gen_random_uuid(), run_no = t.run_no + 1, updated_at = p_now, resumes = given.resumes
        FROM unnest(p_task_ids, p_group_names, v_resumes, v_sessions, v_directories, v_session_ids, v_finished_at)
            WITH ORDINALITY
            AS given (id, group_name, resumes, session, directory, session_id, finished_at, place)
        JOIN worker_groups AS g ON g.group_name = given.group_name AND g.group_name = ANY(p_group_names)
        WHERE t.id = given.id AND t.id = ANY(p_task_ids)
        RETURNING t.id, t.run_id, t.run_no, t.attempt + 1 AS attempt, t.group_name, given.session,
            coalesce(given.directory, t.number || '-' || t.run_no) AS directory,
            greatest(t.created_at, t.ready_at, given.finished_at) AS ready_at,
            run_for_dispatch(
                t, g, t.run_id, t.run_no, coalesce(given.directory, t.number || '-' || t.run_no),
                given.session_id, t.resumes IS NOT NULL, prompt_in_claim(t.prompt, t.is_filled)
            ) AS run, given.place
    ), opened AS (
        INSERT INTO task_runs (
            id, task_id, run_no, attempt, group_name, dispatcher_id, work_dir_id, host, boot_id, claimed_at, ready_at,
            resumed, directory
        )
        SELECT run_id, id, run_no, attempt, group_name, p_dispatcher.id, p_dispatcher.work_dir_id,
            p_dispatcher.host, p_dispatcher.boot_id, p_now, ready_at, session, directory
        FROM leased
    )
    SELECT json_agg(run ORDER BY place) INTO v_runs FROM leased;
    RETURN v_runs;
END
$$;
