-- INTERNAL places_of(prompt): returns the places of a prompt that are filled with what other tasks made, in their order:
-- {{result:12}}, {{patch:12}} and {{file:12:report.md}}, and of all that a task spawned {{results:12}} and {{patches:12}}.
-- `name` is what stands for the task, and `path` is that of a file. What is between two places is returned as `before`, and
-- what follows the last one in a row without a kind. There is one pass over the prompt.
CREATE OR REPLACE FUNCTION places_of(p_prompt text)
RETURNS TABLE (place bigint, before text, kind text, name text, path text)
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    c_task CONSTANT text := '([A-Za-z0-9_][A-Za-z0-9_.-]{0,62})';
    c_place CONSTANT text := format(
        '\{\{(?:(result|results|patch|patches):%s|file:%s:([^{}[:cntrl:]]+))\}\}', c_task, c_task);
BEGIN
    IF p_prompt !~ c_place THEN
        RETURN QUERY SELECT 1::bigint, p_prompt, NULL::text, NULL::text, NULL::text;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT texts.at, texts.text, CASE WHEN found.parts IS NOT NULL THEN coalesce(found.parts[1], 'file') END,
        coalesce(found.parts[2], found.parts[3]), found.parts[4]
    FROM unnest(regexp_split_to_array(p_prompt, c_place)) WITH ORDINALITY AS texts (text, at)
    LEFT JOIN regexp_matches(p_prompt, c_place, 'g') WITH ORDINALITY AS found (parts, at) USING (at);
END
$$;
