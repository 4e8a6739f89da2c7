-- API send_wanted(dispatcher, run, path, starts_at, content): sends a piece of a file that the dispatcher of another run
-- waits for. If it is not the next one, since somebody else sent that, or nobody waits for the file any more, it is dropped.
-- The other dispatcher hears of it (file_sent, with the run).
-- Locks: dispatchers row; the request. Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION send_wanted(p_dispatcher uuid, p_run uuid, p_path text, p_starts_at bigint, p_content bytea)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    UPDATE file_requests SET sent = sent + octet_length(p_content)
    WHERE run_id = p_run AND path = p_path AND sent = p_starts_at AND problem IS NULL;
    IF FOUND THEN
        INSERT INTO file_pieces (run_id, path, starts_at, content) VALUES (p_run, p_path, p_starts_at, p_content);
        PERFORM pg_notify('file_sent', p_run::text);
    END IF;
END
$$;
