-- API clear_cooldown(group): ends a cool-down of the group and those of models in it, without a probe. What is known of
-- an outage and of throttling is forgotten. A pause stays as it is. Parked tasks that the group may take are ready again.
-- Locks: claim lock, parked tasks (those that a producer holds stay parked), counters lock (exclusive), the group.
-- Raises LD404.
CREATE OR REPLACE FUNCTION clear_cooldown(p_group text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM bound_transaction();
    PERFORM lock_claims();
    PERFORM require_group(p_group);
    PERFORM release_parked(p_group);
    PERFORM lock_counters(true);
    UPDATE worker_groups SET cooldown_until = NULL, cooldown_reason = NULL, cooldown_class = NULL, unproven = false,
        models_cool_until = NULL, outage_since = NULL, overloaded_at = NULL, overloaded_probes = NULL,
        throttled_since = NULL, throttled_runs = NULL, updated_at = clock()
    WHERE group_name = p_group;
    DELETE FROM model_cooldowns WHERE group_name = p_group;
END
$$;
