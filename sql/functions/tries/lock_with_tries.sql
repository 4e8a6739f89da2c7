-- INTERNAL lock_with_tries(tasks): locks these tasks and those that with_tries() adds, by id.
CREATE OR REPLACE FUNCTION lock_with_tries(p_ids uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_ids uuid [] := with_tries(p_ids);
BEGIN
    PERFORM FROM tasks WHERE id = ANY(v_ids) ORDER BY id FOR NO KEY UPDATE;
END
$$;
