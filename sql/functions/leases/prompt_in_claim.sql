-- INTERNAL prompt_in_claim(prompt, is_filled): the prompt as a claim returns it, or null when it is larger than 64 KiB, or
-- still to be filled with what other tasks made. Then read_prompt() returns it piece by piece, since a slow line must bring every claim in time. The length is known
-- without reading the prompt.
CREATE OR REPLACE FUNCTION prompt_in_claim(p_prompt text, p_is_filled boolean DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN octet_length(p_prompt) <= 65536 AND p_is_filled IS NOT TRUE THEN p_prompt END $$;
