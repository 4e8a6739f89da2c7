-- INTERNAL in_words(length): returns a length of time as people say it: "45 s", "12 min", "3 h 20 min", "2 d 4 h".
CREATE OR REPLACE FUNCTION in_words(p_length interval) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN s < 90 THEN greatest(s, 0) || ' s'
        WHEN s < 5400 THEN s / 60 || ' min'
        WHEN s < 172800 THEN s / 3600 || ' h ' || s % 3600 / 60 || ' min'
        ELSE s / 86400 || ' d ' || s % 86400 / 3600 || ' h'
    END FROM (SELECT ceil(extract(EPOCH FROM p_length))::bigint AS s) AS seconds
$$;
