-- API read_prompt(dispatcher, run, from, length): returns a piece of the prompt of a run. Bytes of UTF-8 are counted
-- from 0, and the piece is shorter at the end of the prompt. The run's activity shows the progress.
-- Cost: each call reads and decompresses the whole prompt.
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
