-- INTERNAL bytes_in_claim(prompt, output_files): how much a task adds to the answer of a claim, of what can be much.
CREATE OR REPLACE FUNCTION bytes_in_claim(p_prompt text, p_output_files jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE
AS $$
    SELECT (coalesce(octet_length(prompt_in_claim(p_prompt)), 0) + octet_length(p_output_files::text))::bigint
$$;
