-- INTERNAL bytes_in_claim(prompt, output_files, setup_command, check_command, follow_up): how many bytes a task adds to
-- what a claim returns, counting what can be large.
CREATE OR REPLACE FUNCTION bytes_in_claim(
    p_prompt text, p_output_files jsonb, p_setup_command text, p_check_command text, p_follow_up text
) RETURNS bigint
LANGUAGE sql IMMUTABLE
AS $$
    SELECT (coalesce(octet_length(prompt_in_claim(p_prompt)), 0) + octet_length(p_output_files::text)
        + coalesce(octet_length(p_setup_command), 0) + coalesce(octet_length(p_check_command), 0)
        + coalesce(octet_length(p_follow_up), 0))::bigint
$$;
