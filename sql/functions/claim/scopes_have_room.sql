-- INTERNAL scopes_have_room(scopes, full): whether none of these limits is full, nor named as full. For lease_tasks().
CREATE OR REPLACE FUNCTION scopes_have_room(p_scopes text [], p_full text []) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN NOT p_scopes && p_full AND NOT EXISTS (
        SELECT FROM concurrency_limits WHERE scope = ANY(p_scopes) AND current_concurrent >= max_concurrent
    );
END
$$;
