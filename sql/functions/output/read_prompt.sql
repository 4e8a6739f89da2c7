-- API read_prompt(dispatcher, run, from, length): returns a piece of the prompt of a run. Bytes of UTF-8 are counted
-- from 0, and the piece is shorter at the end of the prompt. The run's activity shows the progress. A prompt with places for
-- what other tasks made is filled at the first call, and kept until the run ends, so that all pieces are of one text.
-- Cost: each call reads and decompresses the whole prompt.
-- Locks and errors: those of note_transfer(); LD424 when another task did not leave what the prompt needs.
CREATE OR REPLACE FUNCTION read_prompt(p_dispatcher uuid, p_run uuid, p_from bigint, p_length integer) RETURNS bytea
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_filled CONSTANT text := '/prompt';  -- no output file has such a name
    v_task record;
    v_prompt bytea;
BEGIN
    SELECT tasks.id, is_filled INTO v_task FROM task_runs JOIN tasks ON tasks.id = task_id WHERE task_runs.id = p_run;
    IF v_task.is_filled THEN
        SELECT content INTO v_prompt FROM run_pieces WHERE run_id = p_run AND name = c_filled;
    END IF;
    IF v_prompt IS NULL AND v_task.is_filled THEN
        v_prompt := convert_to(filled_prompt(v_task.id), 'UTF8');
        INSERT INTO run_pieces (run_id, name, starts_at, content) VALUES (p_run, c_filled, 0, v_prompt);
    ELSIF v_prompt IS NULL THEN
        SELECT convert_to(prompt, 'UTF8') INTO v_prompt FROM tasks WHERE id = v_task.id;
    END IF;
    PERFORM note_transfer(p_dispatcher, p_run, 'fetching the prompt', p_from + p_length, octet_length(v_prompt));
    RETURN substring(v_prompt FROM p_from::integer + 1 FOR p_length);
END
$$;
