-- INTERNAL limits_in_claim(scopes, steps): how many slots each of these limits has left for the claim at hand. The
-- counters do not know of its own `steps` yet, so what these took is subtracted.
-- One statement, so that it is inlined: it is planned with the statement around it and costs nothing beside it.
-- Only pick_tasks() and room_in_lane() call this.
CREATE OR REPLACE FUNCTION limits_in_claim(p_scopes text [], p_steps claim_step [])
RETURNS TABLE (scope text, slots bigint)
LANGUAGE sql STABLE
AS $$
    SELECT scope::text, concurrency_limits.slots - current_concurrent - coalesce((
        SELECT sum(step.tasks) FROM unnest(p_steps) AS step WHERE scope = ANY(step.scopes)
    ), 0) AS slots
    FROM concurrency_limits WHERE scope = ANY(p_scopes)
$$;
