-- INTERNAL note_service(tenants, steps): writes down that these tenants were served, last served last. Each goes
-- behind all others with the rows of tenant_turns of the tools and priorities that were taken from. Its other rows
-- get only the number; they move when they come to be first (see settle_late_turns()), so no index hears of them now.
-- Only lease_tasks() calls this, under the claim lock.
CREATE OR REPLACE FUNCTION note_service(p_tenants text [], p_steps claim_step []) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_taken_from text [] := ARRAY(SELECT tool || chr(31) || priority FROM unnest(p_steps));
    v_numbers bigint [] := ARRAY(SELECT nextval('turn_numbers') FROM unnest(p_tenants));
BEGIN
    UPDATE tenant_turns SET last_served = v_numbers[array_position(p_tenants, tenant_id)],
        turn = CASE
            WHEN waiting AND tool || chr(31) || priority = ANY(v_taken_from)
                THEN v_numbers[array_position(p_tenants, tenant_id)]
            ELSE turn
        END
    WHERE tenant_id = ANY(p_tenants);
END
$$;
