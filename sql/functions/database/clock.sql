-- INTERNAL clock(): returns the server's time, by which every decision is taken. It is not now(), which is the start of
-- the transaction and is old once the transaction has waited for a lock. It is a function so that tests can set it.
CREATE OR REPLACE FUNCTION clock() RETURNS timestamptz
LANGUAGE sql VOLATILE
AS $$ SELECT clock_timestamp() $$;
