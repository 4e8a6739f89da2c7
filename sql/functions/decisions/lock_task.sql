-- INTERNAL lock_task(task): locks a task that somebody named, with the tries beside it, and returns its id.
-- Locks: tasks by id. Raises what find_task() does, and LD404 if the task was deleted meanwhile.
CREATE OR REPLACE FUNCTION lock_task(p_task text) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_id uuid := find_task(p_task);
BEGIN
    PERFORM lock_with_tries(ARRAY[v_id]);
    IF NOT EXISTS (SELECT FROM tasks WHERE id = v_id) THEN
        RAISE EXCEPTION 'there is no task %', p_task USING ERRCODE = 'LD404';
    END IF;
    RETURN v_id;
END
$$;
