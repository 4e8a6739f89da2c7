-- INTERNAL require_whole_site(what): refuses a session that is confined to tenants what concerns all of them.
-- Raises 42501.
CREATE OR REPLACE FUNCTION require_whole_site(p_what text) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF session_tenants() IS NOT NULL THEN
        RAISE EXCEPTION '% may not %: hooks hear of all tenants', session_name(), p_what
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;
