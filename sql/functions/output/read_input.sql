-- API read_input(dispatcher, run, path, from, length): returns a piece of an input file of a run's task. Bytes are
-- counted from 0, and the piece is shorter at the end of the file. The run's activity shows the progress.
-- Cost: if PostgreSQL has compressed the file, all that lies before the piece is decompressed, too.
-- Locks: those of note_transfer(). Raises what that raises, and LD404 when there is no such file.
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
