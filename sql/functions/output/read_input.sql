-- API read_input(dispatcher, run, path, from, length): returns a piece of an input file of a run's task, its own or one that
-- another task left for it in the database. Bytes are counted from 0, and the piece is shorter at the end of the file. The
-- run's activity shows the progress.
-- Cost: if PostgreSQL has compressed the file, all that lies before the piece is decompressed, too.
-- Locks: those of note_transfer(). Raises what that raises, and LD404 when there is no such file.
CREATE OR REPLACE FUNCTION read_input(p_dispatcher uuid, p_run uuid, p_path text, p_from bigint, p_length integer)
RETURNS bytea
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_task uuid := (SELECT task_id FROM task_runs WHERE id = p_run);
    v_file uuid;
    v_piece bytea;
    v_size bigint;
BEGIN
    SELECT id INTO v_file FROM task_files WHERE task_id = v_task AND is_input AND path = p_path;
    IF NOT FOUND THEN
        SELECT file INTO v_file FROM files_from_others(v_task) WHERE path = p_path;
    END IF;
    SELECT substring(content FROM p_from::integer + 1 FOR p_length), size_bytes INTO v_piece, v_size
    FROM task_files WHERE id = v_file;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the task has no input file %', quote_literal(p_path) USING ERRCODE = 'LD404';
    END IF;
    PERFORM note_transfer(p_dispatcher, p_run, 'fetching ' || p_path, p_from + p_length, v_size);
    RETURN v_piece;
END
$$;
