-- INTERNAL no_dispatcher(now): returns the sentence that says that no dispatcher starts anything: none is running, or
-- those that run are about to end; null if one is at work.
CREATE OR REPLACE FUNCTION no_dispatcher(p_now timestamptz) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN bool_or(is_at_work(d, p_now)) THEN NULL
        WHEN bool_or(NOT closed AND lease_expires_at > p_now) THEN format(
            'the dispatcher on %s is stopping and starts nothing more: start it again with `dispatcher run`',
            string_agg(DISTINCT host, ' and on ') FILTER (WHERE NOT closed AND lease_expires_at > p_now))
        ELSE 'no dispatcher is running: start one with `dispatcher run`'
            || coalesce(' (the last one was seen ' || in_words(p_now - max(last_heartbeat_at)) || ' ago)', '')
    END
    FROM dispatchers AS d
$$;
