-- INTERNAL is_continued(task): returns whether another task, ended or not, continues a session of this one.
CREATE OR REPLACE FUNCTION is_continued(p_task uuid) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT FROM task_runs JOIN tasks AS reply ON reply.continues = task_runs.id WHERE task_runs.task_id = p_task
    )
$$;
