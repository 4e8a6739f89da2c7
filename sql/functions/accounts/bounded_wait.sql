-- INTERNAL bounded_wait(seconds): returns the wait that a service asked for, cut to between 0 and 8 days; null stays
-- null. Reset times come from the texts of other people's programs. A wrong one must not fail a report or stop a group
-- for years. The longest window of any account is a week.
CREATE OR REPLACE FUNCTION bounded_wait(p_seconds double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN p_seconds IS NOT NULL THEN least(greatest(p_seconds, 0), 8 * 86400) END $$;
