-- INTERNAL note_transfer(dispatcher, run, doing, done, total): notes what is on its way between the database and a
-- dispatcher as the activity of the run ("fetching data.csv: 2.1 of 5.0 MB"), and tells watchers as append_output()
-- does. When all of it has arrived, the activity is cleared. Returns the run's task.
-- Locks: dispatchers row, the run. Raises LD410 when the dispatcher is closed, LD412 when the run is over
-- or belongs to another dispatcher.
CREATE OR REPLACE FUNCTION note_transfer(
    p_dispatcher uuid, p_run uuid, p_doing text, p_done bigint, p_total bigint
) RETURNS uuid
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_task uuid;
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    UPDATE task_runs SET last_activity_at = clock(), activity = CASE WHEN p_done < p_total THEN
            format('%s: %s of %s MB', p_doing, round(p_done / 1e6, 1), round(p_total / 1e6, 1))
        END
    WHERE id = p_run AND dispatcher_id = p_dispatcher AND status = 'running'
    RETURNING task_id INTO v_task;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % is not this dispatcher''s any more', p_run USING ERRCODE = 'LD412';
    END IF;
    PERFORM pg_notify('run_output', json_build_object('numbers', ARRAY[number])::text) FROM tasks WHERE id = v_task;
    RETURN v_task;
END
$$;
