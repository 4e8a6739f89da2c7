-- INTERNAL tasks_to_act_on(action, selection, among): returns the numbers of the selected tasks for which that action
-- is allowed now, lowest first: among all tasks, or those that are given. A release lets go what is held. It waives the needs
-- of tasks that wait for others only where these are named one by one, or by the state: who holds and releases a whole
-- workflow wants its order to stay.
CREATE OR REPLACE FUNCTION tasks_to_act_on(p_action text, p_selection task_selection, p_among bigint [] DEFAULT NULL)
RETURNS bigint []
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
    v_states text [] := CASE p_action
        WHEN 'cancel' THEN '{queued,scheduled,retry,limit,dependency,held,budget,question,approval,leased,running}'
        WHEN 'retry' THEN '{failed,canceled,scheduled,retry,limit}'
        WHEN 'release' THEN CASE
            WHEN p_selection.named IS NOT NULL OR p_selection.states && '{dependency}' THEN '{held,dependency}' ELSE '{held}'
        END
        WHEN 'approve' THEN '{approval}'
        WHEN 'deny' THEN '{approval}'
        ELSE '{queued,scheduled,retry,limit,dependency,held,budget,question}'
    END;
BEGIN
    p_selection.states := ARRAY(
        SELECT state FROM unnest(v_states) AS state
        WHERE p_selection.states IS NULL OR state = ANY(p_selection.states)
    );
    -- A session takes one task at a time.
    RETURN ARRAY(
        SELECT number FROM (
            SELECT t.number, row_number() OVER (
                PARTITION BY CASE WHEN p_action = 'retry' AND t.status <> 'queued' AND session.session_id IS NOT NULL
                    THEN session.group_name || chr(31) || session.session_id ELSE t.id::text END
                ORDER BY t.number
            ) AS place
            FROM allowed_actions(selected_tasks(p_selection, p_among)) AS may JOIN tasks AS t USING (number)
            LEFT JOIN task_runs AS session ON session.id = t.continues
            WHERE p_action = ANY(may.actions)
        ) AS allowed
        WHERE place = 1 ORDER BY number
    );
END
$$;
