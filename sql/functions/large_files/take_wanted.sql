-- API take_wanted(dispatcher, run, path, from, length): returns at most `length` bytes of a file that the run's dispatcher
-- asked for, from byte `from` on, as far as they were sent; none when they were not. Then file_sent, with the run, tells when
-- to look again. What lies before `from` has arrived and is deleted, and the sender goes on. With `from` at the end of the
-- file the request is deleted. The run's activity shows the progress, or which host is waited for.
-- Locks: the request; dispatchers row; the run. Raises LD410 and LD412 as note_transfer() does, LD413 when there is no
-- request (ask again: want_file()), LD424 when the file is gone from the host that had it.
CREATE OR REPLACE FUNCTION take_wanted(p_dispatcher uuid, p_run uuid, p_path text, p_from bigint, p_length integer) RETURNS bytea
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_request file_requests;
    v_piece bytea;
BEGIN
    UPDATE file_requests SET taken = p_from WHERE run_id = p_run AND path = p_path AND p_from BETWEEN taken AND sent
    RETURNING * INTO v_request;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'nothing was asked for %', quote_literal(p_path) USING ERRCODE = 'LD413';
    ELSIF v_request.problem IS NOT NULL THEN
        RAISE EXCEPTION '%', v_request.problem USING ERRCODE = 'LD424';
    END IF;
    IF p_from >= v_request.size_bytes THEN
        DELETE FROM file_requests WHERE run_id = p_run AND path = p_path;
        PERFORM note_transfer(p_dispatcher, p_run, 'fetching ' || p_path, p_from, v_request.size_bytes);
        RETURN '';
    END IF;
    DELETE FROM file_pieces WHERE run_id = p_run AND path = p_path AND starts_at + octet_length(content) <= p_from;
    IF FOUND THEN
        PERFORM pg_notify('file_wanted', '');
    END IF;
    SELECT substring(content FROM (p_from - starts_at)::integer + 1 FOR p_length) INTO v_piece FROM file_pieces
    WHERE run_id = p_run AND path = p_path AND starts_at <= p_from ORDER BY starts_at DESC LIMIT 1;
    IF v_piece IS NULL THEN
        PERFORM require_open_dispatcher(p_dispatcher);
        PERFORM note_wait_for_file(p_run, p_path);
    ELSE
        PERFORM note_transfer(
            p_dispatcher, p_run, 'fetching ' || p_path, p_from + octet_length(v_piece), v_request.size_bytes);
    END IF;
    RETURN coalesce(v_piece, '');
END
$$;
