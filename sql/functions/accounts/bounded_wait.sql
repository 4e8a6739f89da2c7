-- bounded_wait(seconds): what a service asked to wait, cut to between nothing and 8 days; null stays null. Its reset
-- times come from texts of other people's programs: a wrong one must not make a report fail or a group sleep for years.
-- The longest window of any account is a week.
CREATE OR REPLACE FUNCTION bounded_wait(p_seconds double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN p_seconds IS NOT NULL THEN least(greatest(p_seconds, 0), 8 * 86400) END $$;
