-- INTERNAL tasks_in_cascade(numbers): returns the numbers of these tasks, and of all that is there because of them, that may
-- be canceled now, see tasks_because_of(). A task that has ended is not among them, but what it spawned is.
CREATE OR REPLACE FUNCTION tasks_in_cascade(p_numbers bigint []) RETURNS bigint []
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
    v_ids uuid [] := ARRAY(SELECT id FROM tasks WHERE number = ANY(p_numbers));
BEGIN
    RETURN ARRAY(
        SELECT number FROM tasks
        WHERE id = ANY(v_ids || tasks_because_of(v_ids)) AND (status = 'queued' OR status IN ('leased', 'running') AND cancel_requested_at IS NULL)
        ORDER BY number
    );
END
$$;
