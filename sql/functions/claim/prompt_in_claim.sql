-- INTERNAL prompt_in_claim(prompt): the prompt as a claim carries it; null when it is larger than 64 KiB, and read_prompt() gives
-- it piece by piece: a slow line must bring every claim in time. Its length is known without reading it.
CREATE OR REPLACE FUNCTION prompt_in_claim(p_prompt text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN octet_length(p_prompt) <= 65536 THEN p_prompt END $$;
