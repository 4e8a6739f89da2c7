-- INTERNAL reopen_judges(tasks): lets those judges wait for their tries again that were canceled since none of these had a
-- result, and of whose sets one of these tasks is queued again. The caller has locked the sets, and calls settle_tries().
CREATE OR REPLACE FUNCTION reopen_judges(p_ids uuid []) RETURNS void
LANGUAGE sql VOLATILE
SET enable_seqscan = off
AS $$
    UPDATE tasks SET status = 'queued', wait_reason = 'dependency', error_class = NULL, error_message = NULL,
        finished_at = NULL, updated_at = clock()
    WHERE status = 'canceled' AND cancel_requested_at IS NULL AND id = ANY(ARRAY(
        SELECT judge FROM try_sets
        WHERE picked IS NULL AND id = ANY(ARRAY(
            SELECT try_set FROM tasks WHERE id = ANY(p_ids) AND try_set IS NOT NULL AND status = 'queued'
        ))
    ));
$$;
