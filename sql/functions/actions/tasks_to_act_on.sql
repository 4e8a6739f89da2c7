-- INTERNAL tasks_to_act_on(action, select, among): returns the numbers of the selected tasks for which that action is
-- allowed now, lowest first: among all tasks, or those that are given.
CREATE OR REPLACE FUNCTION tasks_to_act_on(p_action text, p_select jsonb, p_among bigint [] DEFAULT NULL)
RETURNS bigint []
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    c_last CONSTANT bigint := 9223372036854775807;
    v_selection task_selection := read_selection(p_select);
    v_states text [] := CASE p_action
        WHEN 'cancel' THEN '{queued,scheduled,retry,limit,dependency,held,budget,leased,running}'
        ELSE '{failed,canceled,scheduled,retry,limit}'
    END;
    v_way record;
    v_numbers bigint [];
BEGIN
    v_selection.states := ARRAY(
        SELECT state FROM unnest(v_states) AS state
        WHERE v_selection.states IS NULL OR state = ANY(v_selection.states)
    );
    v_selection.end_number := coalesce(v_selection.end_number, c_last);
    IF p_among IS NULL THEN
        v_way := way_to_walk(v_selection, v_selection.end_number);
        p_among := ARRAY(
            SELECT candidate_tasks(v_selection, v_way.way, v_way.keys, v_selection.end_number, NULL)
        );
    END IF;
    v_numbers := ARRAY(
        SELECT number FROM unnest(p_among) AS number JOIN tasks AS t USING (number) WHERE task_fits(t, v_selection)
    );
    -- A session takes one task at a time.
    RETURN ARRAY(
        SELECT number FROM (
            SELECT t.number, row_number() OVER (
                PARTITION BY CASE WHEN p_action = 'retry' AND t.status <> 'queued' AND session.session_id IS NOT NULL
                    THEN session.group_name || chr(31) || session.session_id ELSE t.id::text END
                ORDER BY t.number
            ) AS place
            FROM allowed_actions(v_numbers) AS may JOIN tasks AS t USING (number)
            LEFT JOIN task_runs AS session ON session.id = t.continues
            WHERE p_action = ANY(may.actions)
        ) AS allowed
        WHERE place = 1 ORDER BY number
    );
END
$$;
