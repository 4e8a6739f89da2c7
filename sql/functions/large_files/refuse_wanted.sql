-- API refuse_wanted(dispatcher, run, path, problem): says why a file that a run waits for cannot be sent by the host that had
-- it. The run hears of it (file_sent) and ends with that sentence.
-- Locks: dispatchers row; the request. Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION refuse_wanted(p_dispatcher uuid, p_run uuid, p_path text, p_problem text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    UPDATE file_requests SET problem = p_problem WHERE run_id = p_run AND path = p_path;
    PERFORM pg_notify('file_sent', p_run::text);
END
$$;
