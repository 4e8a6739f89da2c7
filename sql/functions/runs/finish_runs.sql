-- API finish_runs(dispatcher, reports): ends runs and returns a verdict for each; end_runs() says what a report is,
-- what the verdicts are, and what it raises.
-- Locks: dispatchers row, and those of end_runs(). Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION finish_runs(p_dispatcher uuid, p_reports jsonb) RETURNS TABLE (run_id uuid, verdict text)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_ended record;
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    v_ended := end_runs(p_dispatcher, p_reports);
    RETURN QUERY SELECT * FROM unnest(v_ended.run_ids, v_ended.verdicts);
END
$$;
