-- API end_sessions(token): ends all sessions of a token, so that every browser must log in again, and returns how many they
-- were. What uses the token itself goes on.
-- Locks: the sessions. Raises LD404 when there is no such token.
CREATE OR REPLACE FUNCTION end_sessions(p_token text) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_ended integer;
BEGIN
    IF NOT EXISTS (SELECT FROM api_tokens WHERE name = p_token) THEN
        RAISE EXCEPTION 'there is no token %', quote_nullable(left(p_token, 100))
            USING ERRCODE = 'LD404', HINT = '`llmctl token ls` shows the tokens';
    END IF;
    DELETE FROM page_sessions WHERE token_name = p_token;
    GET DIAGNOSTICS v_ended = ROW_COUNT;
    RETURN v_ended;
END
$$;
