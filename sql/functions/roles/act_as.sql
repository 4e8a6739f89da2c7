-- API act_as(hash): lets the rest of this transaction act as the token with this SHA-256, and returns what that may.
-- From here on PostgreSQL itself lets the transaction call only what llmctl_<role> may, and session_tenants() confines
-- it to the token's tenants. Outside of a transaction it changes nothing.
-- It keeps its caller's rights, since PostgreSQL forbids to set a role in a SECURITY DEFINER function.
-- Cost: 10 us (measured; find_token() is 6 of them), and 4 us more at each session_tenants().
-- Locks: as find_token(). Raises LD401 for a token that is not there or has expired, and 42501 when the login may not
-- take on the token's role.
CREATE OR REPLACE FUNCTION act_as(p_hash bytea)
RETURNS TABLE (name text, role text, tenants text [], expires_in_s double precision)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    SELECT * INTO name, role, tenants, expires_in_s FROM find_token(p_hash);
    PERFORM set_config('llmctl.token', name, true), set_config('role', 'llmctl_' || role, true);
    RETURN NEXT;
EXCEPTION
    WHEN insufficient_privilege OR invalid_parameter_value THEN
        RAISE EXCEPTION 'login % may not act as a token of role %', quote_literal(session_user), role
            USING ERRCODE = 'insufficient_privilege', HINT = format(
                'an administrator allows it: GRANT llmctl_%s TO %I; if there is no such role, `dispatcher check` says more',
                role, session_user);
END
$$;
