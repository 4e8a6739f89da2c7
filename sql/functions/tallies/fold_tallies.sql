-- INTERNAL fold_tallies(from): moves what the inboxes of the tallies hold, at most 10,000 rows of each, to the tallies,
-- if the inbox of tasks holds at least `from` rows or anything is known of runs. Readers see the same sums before and
-- after. Each heartbeat calls it, and so do readers.
-- One transaction at a time folds; all others go on at once, and so does whoever may not write or counts in a snapshot
-- of its own. So nobody waits for it, and it may stay unfinished in a long transaction.
-- Cost: two probes when there is nothing; 10,000 rows of as many kinds take 100 ms, of ten kinds 15 ms.
CREATE OR REPLACE FUNCTION fold_tallies(p_from integer DEFAULT 1) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_tasks boolean := EXISTS (SELECT FROM task_tally_inbox OFFSET p_from - 1);
    v_runs boolean := EXISTS (SELECT FROM run_tally_inbox);
BEGIN
    IF NOT (v_tasks OR v_runs) OR current_setting('transaction_read_only')::boolean
        OR current_setting('transaction_isolation') <> 'read committed'
        OR NOT pg_try_advisory_xact_lock(1819045741, 3) THEN
        RETURN;
    END IF;
    IF v_tasks THEN
        PERFORM fold_task_tallies();
    END IF;
    IF v_runs THEN
        PERFORM fold_run_tallies();
    END IF;
END
$$;
