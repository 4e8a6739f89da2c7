-- INTERNAL state_word(state): returns the word of a task's state for people: a task that is leased is starting.
CREATE OR REPLACE FUNCTION state_word(p_state text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE p_state WHEN 'leased' THEN 'starting' ELSE p_state END $$;
