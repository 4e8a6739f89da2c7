-- API list_changes(tasks, with_stat): returns for each task that is named the newest change that was recorded, or else
-- the newest one that could not be: then ref and head_commit are null, problem says why, and kept_in where the work is.
-- Nulls from run_no on: nothing of it was recorded. stat has the first of the files, null unless it is asked for.
-- check_command is what ran in that run, or what the task asks for; check_verdict how it ended: passed, failed, timeout
-- or stopped. approval is null where none is needed, else asked (the task has not come that far), waiting, approved or
-- denied. Lowest number first. Raises LD404.
CREATE OR REPLACE FUNCTION list_changes(p_tasks text [], p_with_stat boolean DEFAULT true)
RETURNS TABLE (
    number bigint, name text, status text, repository text, run_no integer, source text, base_commit text, ref text,
    head_commit text, files integer, insertions bigint, deletions bigint, stat jsonb, problem text, kept_in text,
    check_command text, check_timeout_s integer, check_verdict text, approval text, title text
)
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT t.number, t.name, t.status, t.repository, newest.run_no, coalesce(newest.source, t.source),
        coalesce(newest.base_commit, t.base_commit), newest.ref, newest.head_commit, newest.files, newest.insertions,
        newest.deletions, CASE WHEN p_with_stat THEN newest.stat END, newest.problem, newest.kept_in,
        coalesce(checked.command, t.check_command), t.check_timeout_s, checked.verdict,
        CASE
            WHEN NOT t.approve THEN NULL
            WHEN t.wait_reason = 'approval' THEN 'waiting'
            WHEN t.status = 'succeeded' THEN 'approved'
            WHEN t.error_class = 'denied' THEN 'denied'
            ELSE 'asked'
        END, t.title
    FROM (SELECT DISTINCT find_task(task) AS id FROM unnest(p_tasks) AS task) AS named
    JOIN tasks AS t USING (id)
    LEFT JOIN LATERAL (
        SELECT runs.run_no, change.* FROM task_runs AS runs JOIN run_changes AS change ON change.run_id = runs.id
        WHERE runs.task_id = t.id ORDER BY change.ref IS NULL, runs.run_no DESC LIMIT 1
    ) AS newest ON true
    LEFT JOIN run_commands AS checked ON checked.run_id = newest.run_id AND checked.kind = 'check'
    ORDER BY t.number
$$;
