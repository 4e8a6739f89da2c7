-- limit_wait(asked, probe): how many seconds a usage limit keeps an account from work: what the service asked for, an
-- hour if it did not say. After a probe that met the limit again at least a minute, whatever was asked: its reset was
-- wrong, or another program uses the account.
CREATE OR REPLACE FUNCTION limit_wait(p_asked_s double precision, p_probe boolean) RETURNS double precision
LANGUAGE sql IMMUTABLE
AS $$ SELECT greatest(coalesce(bounded_wait(p_asked_s), 3600), CASE WHEN p_probe THEN 60 ELSE 0 END) $$;
