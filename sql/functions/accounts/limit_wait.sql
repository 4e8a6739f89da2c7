-- INTERNAL limit_wait(asked_s, probe): returns for how many seconds a usage limit keeps an account from work: what the
-- service asked for, or an hour if it did not say. After a probe that met the limit again it is a minute at least: the
-- reset time was wrong, or another program uses the account.
CREATE OR REPLACE FUNCTION limit_wait(p_asked_s double precision, p_probe boolean) RETURNS double precision
LANGUAGE sql IMMUTABLE
AS $$ SELECT greatest(coalesce(bounded_wait(p_asked_s), 3600), CASE WHEN p_probe THEN 60 ELSE 0 END) $$;
