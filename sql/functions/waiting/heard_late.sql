-- INTERNAL heard_late(now): returns the sentence that says when a dispatcher was heard last, if all that are at work are
-- late with their heartbeat: nobody knows whether they live. Null otherwise. Dispatchers send several heartbeats in the
-- length of their lease, so more than 0.6 of it without one is late.
CREATE OR REPLACE FUNCTION heard_late(p_now timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN last_heartbeat_at + make_interval(secs => lease_s * 0.6) < p_now
        THEN format('the dispatcher on %s was last heard %s ago', host, in_words(p_now - last_heartbeat_at)) END
    FROM dispatchers AS d WHERE is_at_work(d, p_now) ORDER BY last_heartbeat_at DESC LIMIT 1
$$;
