-- start_run(dispatcher, run, pid): start_runs() for one. Answers false when the run is not the dispatcher's any more.
CREATE OR REPLACE FUNCTION start_run(p_dispatcher uuid, p_run uuid, p_pid integer) RETURNS boolean
LANGUAGE sql VOLATILE
AS $$
    SELECT cardinality(start_runs(
        p_dispatcher, jsonb_build_array(jsonb_build_object('run_id', p_run, 'pid', p_pid)))) = 1
$$;
