-- INTERNAL session_tenants(): returns the tenants that this session may act for and see; null means all of them. They
-- are those of the login. Where a token acts, they are those that the token has, too. So the setting by which act_as()
-- names the token can only confine: it may be set by hand, and the name of no valid token leaves no tenant.
-- Called by hand instead of by one of our functions it may return null, and nothing depends on that.
CREATE OR REPLACE FUNCTION session_tenants() RETURNS text []
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_token api_tokens;
    v_mine text [];
BEGIN
    IF coalesce(current_setting('llmctl.token', true), '') = '' THEN
        RETURN login_tenants();
    END IF;
    v_token := acting_token();
    IF v_token.name IS NULL THEN
        RETURN '{}';
    END IF;
    v_mine := login_tenants();
    IF v_mine IS NULL OR v_token.tenants IS NULL THEN
        RETURN coalesce(v_mine, v_token.tenants);
    END IF;
    RETURN ARRAY(SELECT tenant FROM unnest(v_token.tenants) AS tenant WHERE tenant = ANY(v_mine) ORDER BY tenant);
END
$$;
