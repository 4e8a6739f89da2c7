-- INTERNAL scopes_have_room(scopes, filled): whether none of these limits is full or among what the claim at hand has
-- filled. Only lane_has_room() calls this.
CREATE OR REPLACE FUNCTION scopes_have_room(p_scopes text [], p_filled text []) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN NOT p_scopes && p_filled AND NOT EXISTS (
        SELECT FROM concurrency_limits WHERE scope = ANY(p_scopes) AND current_concurrent >= slots
    );
END
$$;
