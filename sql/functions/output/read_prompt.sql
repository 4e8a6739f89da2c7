-- read_prompt(dispatcher, run, from, length): a piece of the prompt of a run, in bytes of UTF-8 that are counted from 0;
-- shorter than asked for at its end. The run's activity says how far that is.
-- Cost: the prompt is read and unpacked as a whole each time.
-- Locks and errors: those of note_transfer().
CREATE OR REPLACE FUNCTION read_prompt(p_dispatcher uuid, p_run uuid, p_from bigint, p_length integer) RETURNS bytea
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_size bigint := (
        SELECT octet_length(prompt) FROM task_runs JOIN tasks ON tasks.id = task_id WHERE task_runs.id = p_run
    );
    v_task uuid := note_transfer(p_dispatcher, p_run, 'fetching the prompt', p_from + p_length, v_size);
BEGIN
    RETURN (SELECT substring(convert_to(prompt, 'UTF8') FROM p_from::integer + 1 FOR p_length) FROM tasks
        WHERE id = v_task);
END
$$;
