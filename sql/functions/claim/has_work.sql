-- API has_work(dispatcher): whether this dispatcher has an active task, or a task is queued for a group that it
-- serves. Tasks that wait for their time count. Held tasks do not, nor tasks that nobody serves, nor tasks that wait
-- for somebody to resume their group, to raise the budget of their workflow or to give this host what it lacks, nor
-- replies in a session of another work directory. One that comes after others counts by these: unless they run or will run,
-- it waits for a person. But while dependents are still to be released there is work.
-- Cost: looks at queued tasks only, however many have ended; one probe when the first of them is served.
CREATE OR REPLACE FUNCTION has_work(p_dispatcher uuid) RETURNS boolean
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    WITH served AS (
        SELECT g.tool, g.account_name
        FROM worker_groups AS g JOIN dispatchers AS d ON d.id = p_dispatcher
        WHERE group_is_served_by(g, d, (SELECT closed_for(p_dispatcher))) AND NOT g.paused
    ), of_this_directory AS NOT MATERIALIZED (
        SELECT id FROM task_runs WHERE work_dir_id = (SELECT work_dir_id FROM dispatchers WHERE id = p_dispatcher)
    )
    SELECT EXISTS (SELECT FROM dependency_inbox) OR EXISTS (SELECT FROM tasks WHERE leased_by = p_dispatcher AND status IN ('leased', 'running'))
        OR EXISTS (
            SELECT FROM tasks JOIN served USING (tool)
            WHERE status = 'queued' AND wait_reason IS NULL AND coalesce(account = account_name, true)
                AND (workflow IS NULL OR workflow <> ALL(spent_workflows()))
                AND (continues IS NULL OR EXISTS (SELECT FROM of_this_directory WHERE of_this_directory.id = continues))
        )
        OR EXISTS (
            SELECT FROM tasks JOIN served USING (tool)
            WHERE status = 'queued' AND wait_reason IN ('scheduled', 'retry', 'limit')
                AND coalesce(account = account_name, true)
                AND (continues IS NULL OR EXISTS (SELECT FROM of_this_directory WHERE of_this_directory.id = continues))
        )
$$;
