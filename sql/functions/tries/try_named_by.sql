-- INTERNAL try_named_by(set, answer): returns the try that a judge's answer picks: the last "PICK: 12" in it counts. Null
-- if it names none that has a result.
CREATE OR REPLACE FUNCTION try_named_by(p_set uuid, p_answer text) RETURNS uuid
LANGUAGE sql STABLE
SET enable_seqscan = off
AS $$
    SELECT t.id
    FROM (
        SELECT named[1]::bigint AS number
        FROM regexp_matches(p_answer, 'PICK:[^[:alnum:]]{0,9}([0-9]{1,18})', 'g') WITH ORDINALITY AS found (named, place)
        ORDER BY place DESC LIMIT 1
    ) AS last_named
    JOIN tasks AS t ON t.number = last_named.number AND t.try_set = p_set
    WHERE t.status = 'succeeded' OR t.wait_reason = 'approval'
$$;
