-- API prune_sessions(most): deletes sessions that have ended, with the tokens that were made for them, at most so many in
-- one call. Returns how many they were; call it again until it returns none.
-- Locks: the sessions (SKIP LOCKED), and their tokens.
CREATE OR REPLACE FUNCTION prune_sessions(p_most integer DEFAULT 500) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_hashes bytea [] := ARRAY(
        SELECT hash FROM page_sessions AS session
        WHERE session_ends(session) <= clock() LIMIT p_most FOR UPDATE SKIP LOCKED
    );
BEGIN
    DELETE FROM api_tokens
    WHERE name IN (SELECT token_name FROM page_sessions WHERE hash = ANY(v_hashes) AND owns_token);
    DELETE FROM page_sessions WHERE hash = ANY(v_hashes);
    RETURN cardinality(v_hashes);
END
$$;
