-- API store_command_output(dispatcher, run, stream, starts_at, content): stores a piece of what the setup or the check of
-- a run printed, for read_output(), and tells watchers. Positions are those of the stored bytes, from 0. What is stored
-- already is left out, so a piece whose answer was lost may be sent again, cut in any way. Returns whether the run is
-- still the dispatcher's.
-- Locks: dispatchers row, the run. Raises LD410 when the dispatcher is closed, LD400 for another stream, and LD413 when
-- what comes before the piece is not there: send that first.
CREATE OR REPLACE FUNCTION store_command_output(
    p_dispatcher uuid, p_run uuid, p_stream text, p_starts_at bigint, p_content bytea
) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_run task_runs;
    v_stored bigint;
    v_ends_at bigint := p_starts_at + octet_length(p_content);
BEGIN
    IF p_stream NOT IN ('setup', 'check') THEN
        RAISE EXCEPTION '% is not a valid stream: expected setup or check', quote_literal(p_stream)
            USING ERRCODE = 'LD400';
    END IF;
    PERFORM require_open_dispatcher(p_dispatcher);
    SELECT * INTO v_run FROM task_runs
    WHERE id = p_run AND dispatcher_id = p_dispatcher AND status = 'running' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    v_stored := coalesce(CASE p_stream WHEN 'setup' THEN v_run.setup_stored ELSE v_run.check_stored END, 0);
    IF p_starts_at > v_stored THEN
        RAISE EXCEPTION 'the % of run % has % bytes, so nothing can be stored from % on',
            p_stream, p_run, v_stored, p_starts_at USING ERRCODE = 'LD413';
    END IF;
    IF v_ends_at <= v_stored THEN
        RETURN true;
    END IF;
    INSERT INTO run_output (run_id, stream, starts_at, ends_at, at, content)
    VALUES (p_run, p_stream, v_stored, v_ends_at, clock(),
        substring(p_content FROM (v_stored - p_starts_at)::integer + 1));
    UPDATE task_runs SET last_activity_at = clock(),
        setup_stored = CASE p_stream WHEN 'setup' THEN v_ends_at ELSE setup_stored END,
        check_stored = CASE p_stream WHEN 'check' THEN v_ends_at ELSE check_stored END
    WHERE id = p_run;
    PERFORM pg_notify('run_output', json_build_object('numbers', ARRAY[number])::text) FROM tasks WHERE id = v_run.task_id;
    RETURN true;
END
$$;
