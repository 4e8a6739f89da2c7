-- INTERNAL require_tries(task, variants, pick, judge): refuses what submit_tries() cannot queue. That each task is valid
-- is left to submit_tasks(). Raises LD400.
CREATE OR REPLACE FUNCTION require_tries(p_task jsonb, p_variants jsonb, p_pick text, p_judge jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_complaint text := CASE
        WHEN jsonb_typeof(p_task) IS DISTINCT FROM 'object' THEN 'a task must be a JSON object'
        WHEN jsonb_typeof(p_variants) IS DISTINCT FROM 'array' OR p_variants @? '$[*] ? (@.type() != "object")'
            THEN 'variants must be a list of JSON objects, one for each try'
        WHEN jsonb_array_length(p_variants) NOT BETWEEN 2 AND 20
            THEN format('%s is not a valid number of tries: expected 2 to 20', jsonb_array_length(p_variants))
        WHEN (p_pick IN ('first-green', 'judge')) IS NOT TRUE
            THEN format('%s is not a valid pick: expected first-green or judge', quote_nullable(p_pick))
        WHEN p_judge IS NOT NULL AND p_pick <> 'judge' THEN 'a judge needs pick judge'
        WHEN p_judge IS NOT NULL AND jsonb_typeof(p_judge) <> 'object' THEN 'the judge must be a JSON object'
        WHEN p_judge ?| '{after,after_any,after_failed,after_tree,input_from}'::text []
            THEN 'a judge comes after the tries: let the task come after others'
        WHEN p_task ->> 'session_id' IS NOT NULL
            THEN 'several tries cannot continue one session: leave out session_id'
        WHEN p_task ->> 'spawns' IS NOT NULL OR p_judge ->> 'spawns' IS NOT NULL
            THEN 'several tries cannot spawn tasks: leave out spawns, or submit one task'
    END;
BEGIN
    IF v_complaint IS NULL THEN
        SELECT format('%s is not a valid key of a try: expected tool, model or account', to_json(key))
        INTO v_complaint
        FROM jsonb_array_elements(p_variants) AS variant, jsonb_object_keys(variant) AS key
        WHERE key NOT IN ('tool', 'model', 'account') LIMIT 1;
    END IF;
    IF v_complaint IS NOT NULL THEN
        RAISE EXCEPTION '%', v_complaint USING ERRCODE = 'LD400';
    END IF;
END
$$;
