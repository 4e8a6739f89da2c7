-- report_runs(dispatcher, reports): finish_runs(), and before it, in the same transaction, keep_output() of the last
-- output of these runs, which a report may have as "output": so nobody sees an end whose output is not there.
-- Locks: those of finish_runs(); the tasks before the runs, as everywhere.
CREATE OR REPLACE FUNCTION report_runs(p_dispatcher uuid, p_reports jsonb) RETURNS TABLE (run_id uuid, verdict text)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_outputs jsonb := jsonb_path_query_array(p_reports, '$[*].output');
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    IF v_outputs <> '[]' THEN
        -- start_runs() holds tasks before it writes to their runs: with the tasks in hand, no run is passed over.
        PERFORM lock_reported_tasks(p_reports);
        PERFORM keep_output(p_dispatcher, v_outputs);
    END IF;
    RETURN QUERY SELECT * FROM finish_runs(p_dispatcher, p_reports);
END
$$;
