-- API find_token(hash): returns what the token with this SHA-256 may, and notes once an hour that it is used. act_as()
-- calls it: that function must keep its caller's rights, and this one needs the owner's.
-- Locks: once an hour the token, and not if another request has it, so that no request waits for another one's
-- transaction. Raises LD401 for a token that is not there or has expired.
CREATE OR REPLACE FUNCTION find_token(p_hash bytea)
RETURNS TABLE (name text, role text, tenants text [], expires_in_s double precision)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_token api_tokens;
    v_now timestamptz := clock();
BEGIN
    SELECT * INTO v_token FROM api_tokens WHERE hash = p_hash;
    IF NOT FOUND OR v_token.expires_at <= v_now THEN
        RAISE EXCEPTION '%', CASE WHEN v_token.name IS NULL THEN 'this token is unknown or was removed'
            ELSE format('token %L has expired', v_token.name) END
            USING ERRCODE = 'LD401', HINT = 'an administrator makes a new one: `llmctl token add NAME --role ROLE`';
    END IF;
    IF coalesce(v_token.last_used_at, '-infinity') <= v_now - interval '1 hour'
        AND NOT current_setting('transaction_read_only')::boolean THEN
        UPDATE api_tokens SET last_used_at = v_now
        WHERE name = (SELECT name FROM api_tokens WHERE hash = p_hash FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    RETURN QUERY SELECT v_token.name, v_token.role, v_token.tenants,
        extract(EPOCH FROM v_token.expires_at - v_now)::double precision;
END
$$;
