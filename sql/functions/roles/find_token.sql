-- API find_token(hash): returns what the token with this SHA-256 may, or the token for which the session with this SHA-256
-- stands, and notes once an hour that both are used. act_as() calls it: that function must keep its caller's rights, and
-- this one needs the owner's.
-- Locks: once an hour the token and the session, and not if another request has them, so that no request waits for another
-- one's transaction. Raises LD401 for what is not there or has ended.
CREATE OR REPLACE FUNCTION find_token(p_hash bytea)
RETURNS TABLE (name text, role text, tenants text [], expires_in_s double precision)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_token api_tokens;
    v_session page_sessions;
    v_now timestamptz := clock();
    v_ends timestamptz;
BEGIN
    SELECT * INTO v_token FROM api_tokens WHERE hash = p_hash;
    IF NOT FOUND THEN
        SELECT * INTO v_session FROM page_sessions WHERE hash = p_hash;
        IF session_ends(v_session) <= v_now THEN
            RAISE EXCEPTION 'this login has ended: it lasts 30 days, and 7 when nobody uses it'
                USING ERRCODE = 'LD401', HINT = 'log in again';
        END IF;
        SELECT * INTO v_token FROM api_tokens WHERE name = v_session.token_name;
    END IF;
    IF v_token.name IS NULL OR v_token.expires_at <= v_now THEN
        RAISE EXCEPTION '%', CASE WHEN v_token.name IS NULL THEN 'this token is unknown or was removed'
            ELSE format('token %L has expired', v_token.name) END
            USING ERRCODE = 'LD401', HINT = 'an administrator makes a new one: `llmctl token add NAME --role ROLE`';
    END IF;
    IF NOT current_setting('transaction_read_only')::boolean THEN
        IF coalesce(v_token.last_used_at, '-infinity') <= v_now - interval '1 hour' THEN
            UPDATE api_tokens SET last_used_at = v_now
            WHERE name = (SELECT name FROM api_tokens WHERE name = v_token.name FOR NO KEY UPDATE SKIP LOCKED);
        END IF;
        IF v_session.last_used_at <= v_now - interval '1 hour' THEN
            UPDATE page_sessions SET last_used_at = v_now
            WHERE hash = (SELECT hash FROM page_sessions WHERE hash = p_hash FOR NO KEY UPDATE SKIP LOCKED);
            v_session.last_used_at := v_now;
        END IF;
    END IF;
    v_ends := least(v_token.expires_at, session_ends(v_session));
    RETURN QUERY SELECT v_token.name, v_token.role, v_token.tenants,
        extract(EPOCH FROM v_ends - v_now)::double precision;
END
$$;
