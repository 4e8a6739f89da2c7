-- INTERNAL no_dispatcher(now): returns the sentence that says that no dispatcher is running; null if one is.
CREATE OR REPLACE FUNCTION no_dispatcher(p_now timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT 'no dispatcher is running: start one with `dispatcher run`'
        || coalesce(' (the last one was seen ' || in_words(p_now - max(last_heartbeat_at)) || ' ago)', '')
    FROM dispatchers HAVING coalesce(bool_and(closed OR lease_expires_at <= p_now), true)
$$;
