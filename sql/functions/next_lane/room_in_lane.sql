-- INTERNAL room_in_lane(lane, scopes, steps, groups, wanted): how many `slots` the limits of a lane have left for the
-- claim at hand (null if no limit counts its tasks), and how many tasks `most` may be taken from it at once. `scopes`
-- are those of the lane, and `steps` is what the claim has taken so far. Only one task is taken at once if
-- nothing is known of the lane's second task, or if the lane pins an account.
-- One statement, so that it is inlined: it is planned with the statement around it and costs nothing beside it.
-- Only pick_tasks() and pick_only_lane() call this.
CREATE OR REPLACE FUNCTION room_in_lane(
    p_lane candidate_lane, p_scopes text [], p_steps claim_step [], p_groups claimable_group [], p_wanted integer
)
RETURNS TABLE (slots bigint, most integer)
LANGUAGE sql STABLE
AS $$
    SELECT min(limits.slots) AS slots, CASE
        WHEN p_wanted > 1 AND p_lane.next_head IS DISTINCT FROM 0 AND p_lane.account IS NULL THEN least(
            p_wanted, min(limits.slots), (SELECT sum(free) FROM unnest(p_groups) WHERE tool = p_lane.tool)
        )::integer
        ELSE 1
    END AS most
    FROM limits_in_claim(p_scopes, p_steps) AS limits
$$;
