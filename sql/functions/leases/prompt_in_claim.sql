-- INTERNAL prompt_in_claim(prompt): the prompt as a claim returns it, or null when it is larger than 64 KiB. Then
-- read_prompt() returns it piece by piece, since a slow line must bring every claim in time. The length is known
-- without reading the prompt.
CREATE OR REPLACE FUNCTION prompt_in_claim(p_prompt text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN octet_length(p_prompt) <= 65536 THEN p_prompt END $$;
