-- INTERNAL settle_inbox(): goes on where settle_needs() stopped. Returns whether there is more to do.
-- Only catch_up() calls this, under the claim lock.
CREATE OR REPLACE FUNCTION settle_inbox() RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_needs uuid [];
BEGIN
    WITH taken AS (
        DELETE FROM dependency_inbox RETURNING needs
    )
    SELECT coalesce(array_agg(DISTINCT needs), '{}') INTO v_needs FROM taken;
    PERFORM settle_needs(v_needs);
    RETURN EXISTS (SELECT FROM dependency_inbox);
END
$$;
