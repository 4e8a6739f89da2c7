-- API append_output(dispatcher, outputs): stores what the runs of a dispatcher printed while they run, see
-- keep_output(), in one statement and with one notification: run_output with {"numbers": [...]} of the tasks (a few
-- above 350 runs).
-- The commit does not wait for the disk. After a crash of the server some output may be gone. The next call returns how
-- much is there, and the dispatcher, which still has the log, goes on from that.
-- Locks: dispatchers row, runs (SKIP LOCKED). Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION append_output(p_dispatcher uuid, p_outputs jsonb)
RETURNS TABLE (run_id uuid, stdout_stored bigint, stderr_stored bigint)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_numbers bigint [];
    v_live uuid [] := ARRAY(
        SELECT (output ->> 'run_id')::uuid FROM jsonb_array_elements(p_outputs) AS output
        WHERE (output ->> 'live')::boolean
    );
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    IF cardinality(v_live) = jsonb_array_length(p_outputs) THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    v_numbers := ARRAY(
        SELECT (SELECT number FROM tasks WHERE id = (SELECT task_id FROM task_runs WHERE task_runs.id = live_run))
        FROM unnest(v_live) AS live_run
    );
    FOR chunk IN 0 .. (cardinality(v_numbers) - 1) / 350 LOOP
        PERFORM pg_notify('run_output', json_build_object(
            'numbers', v_numbers[chunk * 350 + 1 : chunk * 350 + 350])::text) WHERE cardinality(v_numbers) > 0;
    END LOOP;
    RETURN QUERY SELECT * FROM keep_output(p_dispatcher, p_outputs);
END
$$;
