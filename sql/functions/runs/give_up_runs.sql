-- INTERNAL give_up_runs(runs): ends these runs as lost, for recover_lost().
-- end_runs() is called once for each dispatcher, so the counters are moved several times, each time in the order of
-- their names. The counters lock is taken exclusively, so that this cannot deadlock with a transaction that moves them
-- once.
-- Locks: counters lock (exclusive); then as end_runs(). The caller holds the dispatchers and the tasks of the runs.
CREATE OR REPLACE FUNCTION give_up_runs(p_runs uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_report record;
BEGIN
    PERFORM lock_counters(true);
    FOR v_report IN
        SELECT runs.dispatcher_id, jsonb_agg(jsonb_build_object(
            'run_id', runs.id, 'error_class', 'lost', 'error_message',
            format('host %s was given up: nothing is known of the agent', runs.host))) AS reports
        FROM task_runs AS runs WHERE runs.id = ANY(p_runs) GROUP BY runs.dispatcher_id
    LOOP
        PERFORM end_runs(v_report.dispatcher_id, v_report.reports);
    END LOOP;
END
$$;
