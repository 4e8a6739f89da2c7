-- API start_session(hash, token_hash, owns_token): lets a browser act as the token with the second hash, by an id of which
-- the first is the SHA-256. It ends as session_ends() says; with owns_token, the token does, too. Of more than 100 sessions
-- of a token the oldest ends.
-- Locks: the sessions that it ends. Raises LD401 for a token that is not there or has expired, and LD400.
CREATE OR REPLACE FUNCTION start_session(p_hash bytea, p_token_hash bytea, p_owns_token boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_most CONSTANT integer := 100;
    v_now timestamptz := clock();
    v_token text := (SELECT name FROM find_token(p_token_hash));
BEGIN
    IF p_hash IS NULL OR octet_length(p_hash) <> 32 OR NOT EXISTS (SELECT FROM api_tokens WHERE hash = p_token_hash) THEN
        RAISE EXCEPTION 'this is not a valid session: expected a SHA-256 of 32 bytes, and that of a token'
            USING ERRCODE = 'LD400';
    END IF;
    DELETE FROM page_sessions WHERE hash IN (
        SELECT hash FROM page_sessions WHERE token_name = v_token ORDER BY started_at DESC OFFSET c_most - 1
    );
    INSERT INTO page_sessions (hash, token_name, owns_token, started_at, ends_at, last_used_at)
    VALUES (p_hash, v_token, p_owns_token, v_now, v_now + interval '30 days', v_now);
END
$$;
