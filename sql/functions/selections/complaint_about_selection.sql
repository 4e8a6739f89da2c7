-- INTERNAL complaint_about_selection(select): returns what is wrong with a selection as clients write it, in one
-- sentence; null when nothing is wrong. Which tasks there are is left to named_tasks(), and times to their type's parser.
CREATE OR REPLACE FUNCTION complaint_about_selection(p_select jsonb) RETURNS text
LANGUAGE sql STABLE
AS $$
    WITH known AS (
        -- The kinds are those of complaint_about(), and a few more.
        SELECT '{
            "tasks": "tasks", "numbers": "numbers", "states": "states", "waiting":
            ["slot", "budget", "limit", "paused", "no_group", "dispatcher", "scheduled", "retry", "dependency", "held",
                "question", "approval"],
            "tool": "text", "model": "text", "tenant": "text", "queue": "text", "workflow": "text", "group": "text", "name": "text",
            "labels": "labels", "since": "moment", "until": "moment"
        }'::jsonb AS keys,
        '["queued", "scheduled", "retry", "limit", "dependency", "held", "budget", "question", "approval", "leased",
            "running", "succeeded", "failed", "canceled", "waiting", "starting", "active", "ended"]'::jsonb AS states
    )
    SELECT CASE
            WHEN kind IS NULL THEN format('%s is not a valid key of a selection: expected one of %s', to_json(key),
                (SELECT string_agg(each_key, ', ' ORDER BY each_key) FROM jsonb_object_keys(keys) AS each_key))
            WHEN value = 'null' THEN NULL
            WHEN kind = 'tasks' THEN CASE WHEN jsonb_typeof(value) <> 'array' OR value @? '$[*] ? (@.type() != "string")'
                THEN 'tasks must be a list of texts: numbers, ranges such as 61-70, or beginnings of uuids' END
            WHEN kind = 'numbers' THEN CASE WHEN jsonb_typeof(value) <> 'array'
                OR value @? '$[*] ? (@.type() != "number" || @ < 0 || @ > 999999999999999999 || @.floor() != @)'
                THEN 'numbers must be a list of task numbers' END
            WHEN kind = 'states' THEN CASE WHEN jsonb_typeof(value) <> 'array' OR NOT states @> value
                THEN 'states must be a list of these: ' || translate(states::text, '[]"', '') END
            WHEN kind = 'labels' THEN CASE WHEN jsonb_typeof(value) <> 'object'
                OR value @? '$.* ? (@.type() != "string")'
                THEN 'labels must be a JSON object of texts' END
            ELSE key || ' ' || complaint_about(kind, value)
        END
    FROM known CROSS JOIN jsonb_each(p_select) AS given CROSS JOIN LATERAL (SELECT keys ->> key AS kind) AS of_key
    ORDER BY 1 LIMIT 1
$$;
