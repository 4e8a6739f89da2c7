-- INTERNAL file_needs(tasks, ids, created, tenant): writes down what the tasks that were created need, see submit_tasks(),
-- and makes those ready whose needs are met. `tenant` is that of tasks that name none. A need names a step of its batch, or a
-- task of the same tenant.
-- Locks: the tasks of other batches that are named, see lock_needed().
-- It also stores which of their prompts and files others provide: note_places(), file_inputs_from().
-- Raises what these raise, LD400 for a name that is neither, a task of another tenant, a step that two tasks have, and tasks that come after
-- each other in a circle; LD404 for a task that does not exist.
CREATE OR REPLACE FUNCTION file_needs(p_tasks jsonb, p_ids uuid [], p_created boolean [], p_tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_places bigint [];
    v_kinds text [];
    v_names text [];
    v_needs uuid [];
    v_decided uuid [];
    v_done boolean;
    v_circle text;
    v_wrong record;
BEGIN
    IF NOT p_tasks @? '$[*] ? (exists (@.after) || exists (@.after_any) || exists (@.after_failed) || exists (@.after_tree)
        || exists (@.input_from))' THEN
        RETURN;
    END IF;
    SELECT array_agg(place), array_agg(kind), array_agg(name) INTO v_places, v_kinds, v_names
    FROM needs_as_given(p_tasks) WHERE p_created[place];
    IF v_places IS NULL THEN
        PERFORM weigh_needs(p_ids);
        RETURN;
    END IF;
    v_needs := named_needs(p_tasks, p_ids, p_created, p_tenant, v_names);
    v_circle := circle_in_words(p_tasks, p_ids, v_places, v_needs);
    IF v_circle IS NOT NULL THEN
        RAISE EXCEPTION 'these tasks wait for each other: %', v_circle USING ERRCODE = 'LD400';
    END IF;
    PERFORM lock_needed(v_needs, v_kinds, p_ids);
    SELECT number, coalesce(p_tasks -> (place - 1)::integer ->> 'tenant_id', p_tenant) AS wanted INTO v_wrong
    FROM unnest(v_places, v_needs) AS asked (place, need) JOIN tasks ON tasks.id = need
    WHERE tasks.tenant_id <> coalesce(p_tasks -> (place - 1)::integer ->> 'tenant_id', p_tenant) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'task % is of another tenant than %, and a task comes only after tasks of its own tenant',
            v_wrong.number, quote_literal(v_wrong.wanted) USING ERRCODE = 'LD400';
    END IF;
    WITH filed AS (
        INSERT INTO task_dependencies (task_id, needs, kind, step, state)
        SELECT p_ids[place], n.id, asked.kind, max(CASE WHEN asked.name !~ '^[0-9]' THEN asked.name END), need_state(asked.kind, n.id, n.status)
        FROM unnest(v_places, v_kinds, v_names, v_needs) AS asked (place, kind, name, need) JOIN tasks AS n ON n.id = need
        GROUP BY place, n.id, asked.kind, n.status
        RETURNING task_id, state
    )
    -- The others wait, and no end has to be looked at.
    SELECT array_agg(id) FILTER (WHERE state IS NULL OR state <> 'open') INTO v_decided
    FROM unnest(p_ids, p_created) AS queued (id, created) LEFT JOIN filed ON filed.task_id = id WHERE created;
    PERFORM file_inputs_from(p_tasks, p_ids, p_created, v_names, v_needs);
    PERFORM note_places(ARRAY(SELECT DISTINCT p_ids[place] FROM unnest(v_places) AS place));
    v_done := settle_needs(weigh_needs(v_decided));
END
$$;
