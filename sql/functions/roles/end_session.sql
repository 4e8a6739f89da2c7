-- API end_session(hash): ends the session whose id has this SHA-256, and its token if that was made for it. Nothing happens
-- if there is none: whoever logs out has what they want.
-- Locks: the session, and the token that goes with it.
CREATE OR REPLACE FUNCTION end_session(p_hash bytea) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    DELETE FROM api_tokens
    WHERE name = (SELECT token_name FROM page_sessions WHERE hash = p_hash AND owns_token);
    DELETE FROM page_sessions WHERE hash = p_hash;
END
$$;
