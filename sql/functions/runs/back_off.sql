-- INTERNAL back_off(backoff_s, failures): returns for how many seconds a task waits for its next attempt after so many
-- earlier failures: at least what was asked for at submit, doubled after each failure up to five minutes (or up to what
-- was asked for, if that is longer). Up to a quarter more is random, so that tasks that failed together do not start
-- together.
CREATE OR REPLACE FUNCTION back_off(p_backoff_s double precision, p_failures integer) RETURNS double precision
LANGUAGE sql VOLATILE
AS $$ SELECT least(greatest(300, p_backoff_s), p_backoff_s * 2 ^ least(30, p_failures)) * (1 + random() / 4) $$;
