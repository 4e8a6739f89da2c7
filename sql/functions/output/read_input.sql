-- read_input(dispatcher, run, path, from, length): a piece of an input file of a run's task, in bytes that are counted from
-- 0; shorter than asked for at its end. The run's activity says how far that is.
-- Cost: of a file that PostgreSQL has packed all that lies before the piece is unpacked, too.
-- Locks and errors: those of note_transfer(), and LD404 when there is no such file.
CREATE OR REPLACE FUNCTION read_input(p_dispatcher uuid, p_run uuid, p_path text, p_from bigint, p_length integer)
RETURNS bytea
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_piece bytea;
    v_size bigint;
BEGIN
    SELECT substring(content FROM p_from::integer + 1 FOR p_length), size_bytes INTO v_piece, v_size
    FROM task_files
    WHERE task_id = (SELECT task_id FROM task_runs WHERE id = p_run) AND is_input AND path = p_path;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the task has no input file %', quote_literal(p_path) USING ERRCODE = 'LD404';
    END IF;
    PERFORM note_transfer(p_dispatcher, p_run, 'fetching ' || p_path, p_from + p_length, v_size);
    RETURN v_piece;
END
$$;
