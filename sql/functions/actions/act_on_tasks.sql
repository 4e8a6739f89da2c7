-- API act_on_tasks(action, select, expect, dry_run, changes): does one thing with all selected tasks for which
-- allowed_actions() says that it may be done now, in one statement: cancel, retry, hold, release, top (before all that
-- can be submitted), edit, with `changes` as submit_tasks() takes settings, which a retry may have, too, approve or deny, with {"message": …} as
-- `changes`. To cancel with {"cascade": true} takes along all that is there because of these tasks, see
-- tasks_in_cascade(). To release a task that waits for others waives its needs. Returns how many they are, and their
-- numbers. Of several tasks that continue one session, a retry queues the first. With a dry run nothing is changed.
--   SELECT * FROM act_on_tasks('cancel', '{"labels": {"batch": "x"}}', p_dry_run => true);
-- Tasks whose state does not allow it are left alone. Those that `tasks` names one by one were meant, so of these
-- `refused` says why: see refusals().
-- Locks: the tasks by id, with the tries beside those that may end; then the sessions of replies. They are selected again under these locks, so that a task
-- which has started meanwhile is asked to stop, and one that has ended is left alone.
-- Cost: that of the tasks that are changed, and of the index that the selection is found by (10,000 of a label: 0.7 s
-- of CPU time). Raises LD400 for a selection, an action or changes that are not valid, LD404 for a task that is named and
-- does not exist, and LD409 when it is about another number of tasks than `expect`.
CREATE OR REPLACE FUNCTION act_on_tasks(
    p_action text, p_select jsonb, p_expect bigint DEFAULT NULL, p_dry_run boolean DEFAULT false,
    p_changes jsonb DEFAULT NULL
)
RETURNS TABLE (matched bigint, numbers bigint [], refused jsonb)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    c_actions CONSTANT text [] := '{cancel,retry,hold,release,top,edit,approve,deny}';
    v_cascade boolean := p_action = 'cancel' AND coalesce((p_changes ->> 'cascade')::boolean, false);
    s task_selection;
    v_ids uuid [];
BEGIN
    IF (p_action = ANY(c_actions)) IS NOT TRUE THEN
        RAISE EXCEPTION '% is not a valid action: expected one of %', quote_nullable(p_action),
            array_to_string(c_actions, ', ')
            USING ERRCODE = 'LD400';
    END IF;
    PERFORM require_changes(p_action, p_changes);
    s := read_selection(p_select);
    numbers := tasks_to_act_on(p_action, s);
    IF NOT p_dry_run THEN
        v_ids := ARRAY(SELECT id FROM tasks WHERE number = ANY(numbers));
        IF v_cascade THEN
            PERFORM lock_cascade(ARRAY(SELECT id FROM tasks WHERE number = ANY(numbers || s.named)));
        ELSE
            PERFORM lock_with_tries(v_ids);
        END IF;
        IF p_action = 'retry' THEN
            PERFORM lock_sessions(ARRAY(
                SELECT continues FROM tasks WHERE number = ANY(numbers) AND continues IS NOT NULL
            ));
        END IF;
        numbers := tasks_to_act_on(p_action, s, numbers);
    END IF;
    IF v_cascade THEN
        numbers := tasks_in_cascade(numbers || s.named);
    END IF;
    matched := cardinality(numbers);
    IF p_expect <> matched THEN
        RAISE EXCEPTION 'the selection is about % tasks now, and not %', matched, p_expect
            USING ERRCODE = 'LD409', HINT = 'look at them again';
    END IF;
    IF NOT p_dry_run THEN
        v_ids := ARRAY(SELECT id FROM tasks WHERE number = ANY(numbers));
        CASE p_action
            WHEN 'cancel' THEN PERFORM cancel_tasks(v_ids);
            WHEN 'retry' THEN
                PERFORM retry_tasks(v_ids);
                IF p_changes IS NOT NULL THEN
                    PERFORM edit_tasks(v_ids, p_changes);
                END IF;
            WHEN 'hold' THEN PERFORM hold_tasks(v_ids);
            WHEN 'release' THEN PERFORM release_tasks(v_ids);
            WHEN 'top' THEN PERFORM top_tasks(v_ids);
            WHEN 'edit' THEN PERFORM edit_tasks(v_ids, p_changes);
            WHEN 'approve' THEN PERFORM approve_tasks(v_ids, p_changes ->> 'message');
            WHEN 'deny' THEN PERFORM deny_tasks(v_ids, p_changes ->> 'message');
        END CASE;
        IF p_action IN ('cancel', 'retry') THEN
            PERFORM settle_tries(v_ids);
        END IF;
        IF p_action IN ('top', 'edit') AND matched > 0 THEN
            -- The trigger of tasks tells of changed states only.
            PERFORM notify_task_event('queued', numbers);
        END IF;
    END IF;
    refused := coalesce((
        SELECT jsonb_agg(refusal ORDER BY number)
        FROM refusals(p_action, ARRAY(
            SELECT id FROM tasks WHERE number = ANY(selected_tasks(s, coalesce(s.named, '{}'))) AND number <> ALL(numbers)
        )) AS refusal
    ), '[]');
    RETURN NEXT;
END
$$;
