-- INTERNAL is_at_work(dispatcher, now): returns whether this dispatcher starts tasks, as far as anybody knows: it has
-- its lease, and it is not about to end. One expression, so that it is inlined.
CREATE OR REPLACE FUNCTION is_at_work(p_dispatcher dispatchers, p_now timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$ SELECT NOT p_dispatcher.closed AND NOT p_dispatcher.draining AND p_dispatcher.lease_expires_at > p_now $$;
