-- INTERNAL bytes_in_claim(prompt, output_files): how many bytes a task adds to what a claim returns, counting what
-- can be large.
CREATE OR REPLACE FUNCTION bytes_in_claim(p_prompt text, p_output_files jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE
AS $$
    SELECT (coalesce(octet_length(prompt_in_claim(p_prompt)), 0) + octet_length(p_output_files::text))::bigint
$$;
