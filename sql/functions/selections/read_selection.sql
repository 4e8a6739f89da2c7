-- INTERNAL read_selection(select): returns a selection as clients write it, in the form that task_fits() takes,
-- confined to the tenants of the session. `states` are those of count_tasks(). Times bound the numbers, too, so that a
-- list ends where its time does: with room for tasks that other transactions submitted meanwhile, 10 minutes or 5,000
-- tasks, whichever is less.
-- Raises LD400 for a key that is not known and for a value that is not of its kind.
CREATE OR REPLACE FUNCTION read_selection(p_select jsonb) RETURNS task_selection
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    -- The kinds are those of complaint_about() and two more.
    c_keys CONSTANT jsonb := '{
        "numbers": "numbers", "states": "states", "tool": "text", "tenant": "text", "queue": "text", "group": "text",
        "name": "text", "labels": "labels", "since": "moment", "until": "moment"
    }';
    c_states CONSTANT jsonb := '["queued", "scheduled", "retry", "limit", "dependency", "held", "budget", "leased",
        "running", "succeeded", "failed", "canceled"]';
    v_complaint text;
    v_mine text [] := session_tenants();
    s task_selection;
BEGIN
    IF jsonb_typeof(p_select) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a selection must be a JSON object' USING ERRCODE = 'LD400';
    END IF;
    SELECT CASE
            WHEN kind IS NULL THEN format('%s is not a valid key of a selection: expected one of %s', to_json(key),
                (SELECT string_agg(known, ', ' ORDER BY known) FROM jsonb_object_keys(c_keys) AS known))
            WHEN value = 'null' THEN NULL
            WHEN kind = 'numbers' THEN CASE WHEN jsonb_typeof(value) <> 'array'
                OR value @? '$[*] ? (@.type() != "number" || @ < 0 || @ > 999999999999999999 || @.floor() != @)'
                THEN 'numbers must be a list of task numbers' END
            WHEN kind = 'states' THEN CASE WHEN jsonb_typeof(value) <> 'array' OR NOT c_states @> value
                THEN 'states must be a list of these: ' || translate(c_states::text, '[]"', '') END
            WHEN kind = 'labels' THEN CASE WHEN jsonb_typeof(value) <> 'object'
                OR value @? '$.* ? (@.type() != "string")'
                THEN 'labels must be a JSON object of texts' END
            ELSE key || ' ' || complaint_about(kind, value)
        END INTO v_complaint
    FROM jsonb_each(p_select) AS given CROSS JOIN LATERAL (SELECT c_keys ->> key AS kind) AS known
    ORDER BY 1 LIMIT 1;
    IF v_complaint IS NOT NULL THEN
        RAISE EXCEPTION '%', v_complaint USING ERRCODE = 'LD400';
    END IF;
    BEGIN
        s.since := p_select ->> 'since';
        s.until := p_select ->> 'until';
    EXCEPTION WHEN data_exception THEN
        RAISE EXCEPTION 'since or until is not a valid time: %', sqlerrm
            USING ERRCODE = 'LD400', HINT = 'write it as 2026-11-25T10:00:00Z';
    END;
    s := bounded_by_time(s);
    s.numbers := CASE WHEN jsonb_typeof(p_select -> 'numbers') = 'array'
        THEN ARRAY(SELECT value::numeric::bigint FROM jsonb_array_elements_text(p_select -> 'numbers')) END;
    s.states := CASE WHEN jsonb_typeof(p_select -> 'states') = 'array'
        THEN ARRAY(SELECT DISTINCT value FROM jsonb_array_elements_text(p_select -> 'states') ORDER BY value) END;
    s.tool := p_select ->> 'tool';
    s.tenants := CASE WHEN p_select ->> 'tenant' IS NULL THEN v_mine
        WHEN v_mine IS NULL OR p_select ->> 'tenant' = ANY(v_mine) THEN ARRAY[p_select ->> 'tenant'] ELSE '{}' END;
    s.queue := p_select ->> 'queue';
    s.group_name := p_select ->> 'group';
    s.name := lower(nullif(p_select ->> 'name', ''));
    s.labels := nullif(nullif(p_select -> 'labels', 'null'), '{}');
    s.label_hashes := ARRAY(SELECT label_hash(key, value) FROM jsonb_each_text(s.labels));
    s.short_of_budget := tools_short_of_budget();
    RETURN s;
END
$$;
