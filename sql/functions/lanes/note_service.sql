-- INTERNAL note_service(tenants, steps): writes down that these tenants were served, last served last. Each goes
-- behind all others with the rows of tenant_turns of the tools and priorities that were taken from. Its other rows
-- get only the number; they move when they come to be first (see settle_late_turns()), so no index hears of them now.
-- Only lease_tasks() calls this, under the claim lock.
CREATE OR REPLACE FUNCTION note_service(p_tenants text [], p_steps claim_step []) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    WITH served AS MATERIALIZED (
        SELECT tenant_id, nextval('turn_numbers') AS number FROM unnest(p_tenants) AS tenant_id
    )
    UPDATE tenant_turns AS t SET last_served = served.number,
        turn = CASE
            WHEN waiting AND EXISTS (
                SELECT FROM unnest(p_steps) AS step WHERE step.tool = t.tool AND step.priority = t.priority
            ) THEN served.number
            ELSE turn
        END
    FROM served
    WHERE t.tenant_id = served.tenant_id AND t.tenant_id = ANY(p_tenants);
END
$$;
