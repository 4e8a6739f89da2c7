-- INTERNAL held_runs(dispatcher, runs, locked): returns those of these runs that the dispatcher could end, but whose tasks
-- are not among those that are `locked`: somebody else holds them. Only end_runs() calls this.
CREATE OR REPLACE FUNCTION held_runs(p_dispatcher uuid, p_run_ids uuid [], p_locked uuid []) RETURNS uuid []
LANGUAGE sql VOLATILE
SET enable_seqscan = off
AS $$
    SELECT ARRAY(
        SELECT run_id FROM tasks
        WHERE id = ANY(ARRAY(SELECT task_id FROM task_runs WHERE task_runs.id = ANY(p_run_ids)))
            AND run_id = ANY(p_run_ids) AND leased_by = p_dispatcher AND id <> ALL(p_locked)
    )
$$;
