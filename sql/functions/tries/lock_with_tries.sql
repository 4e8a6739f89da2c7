-- INTERNAL lock_with_tries(tasks): locks these tasks and those that with_tries() adds, by id. If the report of a run needs
-- one of them, the transaction may not idle for long, see bound_transaction().
CREATE OR REPLACE FUNCTION lock_with_tries(p_ids uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_ids uuid [] := with_tries(p_ids);
BEGIN
    PERFORM FROM tasks WHERE id = ANY(v_ids) ORDER BY id FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM tasks WHERE id = ANY(v_ids) AND (status IN ('leased', 'running') OR try_set IS NOT NULL)
    ) THEN
        PERFORM bound_transaction();
    END IF;
END
$$;
