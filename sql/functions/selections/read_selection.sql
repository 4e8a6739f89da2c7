-- INTERNAL read_selection(select): returns a selection as clients write it, in the form that task_fits() takes,
-- confined to the tenants of the session. `states` are those of count_tasks() and the words waiting, starting, active
-- and ended. `waiting` is what a queued task waits for: of a ready task what ready_task_waits_for() says. A name with *
-- or ? is a pattern of the whole name. Times and numbers bound the walks, too, so that a list ends where they do: times
-- with room for tasks that other transactions submitted meanwhile, 10 minutes or 5,000 tasks, whichever is less.
-- Raises LD400 for a key that is not known and for a value that is not of its kind, and LD404; see named_tasks().
CREATE OR REPLACE FUNCTION read_selection(p_select jsonb) RETURNS task_selection
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_words CONSTANT jsonb := '{
        "waiting": ["queued", "scheduled", "retry", "limit", "dependency", "held", "budget", "question", "approval"],
        "starting": ["leased"], "active": ["leased", "running"], "ended": ["succeeded", "failed", "canceled"]
    }';
    v_complaint text;
    v_mine text [] := session_tenants();
    s task_selection;
BEGIN
    IF jsonb_typeof(p_select) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a selection must be a JSON object' USING ERRCODE = 'LD400';
    END IF;
    v_complaint := complaint_about_selection(p_select);
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
    IF jsonb_typeof(p_select -> 'tasks') = 'array' THEN
        SELECT picked, named INTO s.picked, s.named
        FROM named_tasks(ARRAY(SELECT jsonb_array_elements_text(p_select -> 'tasks')));
    END IF;
    IF jsonb_typeof(p_select -> 'numbers') = 'array' THEN
        s.picked := coalesce(s.picked, '{(,)}') * coalesce((
            SELECT range_agg(int8range(number::numeric::bigint, number::numeric::bigint, '[]'))
            FROM jsonb_array_elements_text(p_select -> 'numbers') AS number
        ), '{}');
    END IF;
    s.first_number := greatest(s.first_number, lower(s.picked));
    s.end_number := least(s.end_number, upper(s.picked));
    s.states := CASE WHEN jsonb_typeof(p_select -> 'states') = 'array' THEN ARRAY(
        SELECT DISTINCT state
        FROM jsonb_array_elements(p_select -> 'states') AS word,
            jsonb_array_elements_text(coalesce(c_words -> (word #>> '{}'), jsonb_build_array(word))) AS state
        ORDER BY state
    ) END;
    s.tool := p_select ->> 'tool';
    s.model := p_select ->> 'model';
    s.tenants := CASE WHEN p_select ->> 'tenant' IS NULL THEN v_mine
        WHEN v_mine IS NULL OR p_select ->> 'tenant' = ANY(v_mine) THEN ARRAY[p_select ->> 'tenant'] ELSE '{}' END;
    s.queue := p_select ->> 'queue';
    s.workflow := p_select ->> 'workflow';
    s.group_name := p_select ->> 'group';
    s.name_like := name_pattern(nullif(p_select ->> 'name', ''));
    s.labels := nullif(nullif(p_select -> 'labels', 'null'), '{}');
    s.label_hashes := ARRAY(SELECT label_hash(key, value) FROM jsonb_each_text(s.labels));
    s.short_of_budget := tools_short_of_budget();
    s.spent_workflows := spent_workflows();
    s.waiting := p_select ->> 'waiting';
    IF s.waiting IS NOT NULL THEN
        s.ready_waits := tools_that_wait_for(s.waiting);
        s.states := coalesce(s.states, CASE WHEN s.ready_waits = '{}' AND s.waiting <> 'budget' THEN '{}' ELSE '{queued,budget}'::text [] END
            || CASE WHEN s.waiting IN ('scheduled', 'retry', 'limit', 'dependency', 'held', 'question', 'approval')
                THEN ARRAY[s.waiting] ELSE '{}' END);
    END IF;
    RETURN s;
END
$$;
