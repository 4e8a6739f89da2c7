-- INTERNAL note_decisions(decision, tasks, message, by): keeps what was decided of these tasks, by whom and when: by the
-- session, unless `by` names somebody else. The caller has locked the tasks, and not changed them yet.
-- Raises LD400 for a message above 20,000 bytes.
CREATE OR REPLACE FUNCTION note_decisions(
    p_decision text, p_ids uuid [], p_message text, p_by text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
BEGIN
    IF octet_length(p_message) > 20000 THEN
        RAISE EXCEPTION 'the message must be at most 20,000 bytes long' USING ERRCODE = 'LD400';
    END IF;
    INSERT INTO task_decisions (task_id, decision, decided_by, decided_at, run_id, question, message)
    SELECT id, p_decision, coalesce(p_by, session_name()), clock(), run_id, question, nullif(p_message, '') FROM tasks WHERE id = ANY(p_ids);
END
$$;
