-- clock(): the one clock of every decision, the server's. Not now(): that is the start of the transaction, which is
-- old once a lock was waited for. A function of its own so that tests can set it.
CREATE OR REPLACE FUNCTION clock() RETURNS timestamptz
LANGUAGE sql VOLATILE
AS $$ SELECT clock_timestamp() $$;
