-- INTERNAL settle_outage(group, now, is_answered, claimed_at, is_probe, asked_s, reason): applies to a group what runs
-- that have just ended say of an outage of its service. `is_answered` says that one of them reached the service and was
-- not overloaded: that ends the outage, and the group is open at once. Otherwise one was overloaded, which was claimed at
-- `claimed_at`; `is_probe` if one of those was to find out whether the outage is over.
--
-- An overloaded run stops the account for outage_wait(), and then it takes one task at a time. But one overloaded run
-- among many that succeed does not: the first of an outage only counts if a task of the account has succeeded since that
-- run was claimed. Only a probe makes the wait longer, since the others began before it. A longer cool-down stays.
-- Cost: of the first overloaded run, a look at the 100 tasks that ended last.
-- Locks: none, the caller has locked the group. Only settle_groups() calls this.
CREATE OR REPLACE FUNCTION settle_outage(
    p_group worker_groups, p_now timestamptz, p_is_answered boolean, p_claimed_at timestamptz, p_is_probe boolean,
    p_asked_s double precision, p_reason text
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_began timestamptz := outage_began(p_group, p_now);
    v_is_backing_off boolean := p_group.unproven AND p_group.cooldown_class IS NOT DISTINCT FROM 'overloaded';
    v_probes integer;
    v_until timestamptz;
BEGIN
    IF p_is_answered THEN
        UPDATE worker_groups SET outage_since = NULL, overloaded_at = NULL, overloaded_probes = NULL,
            updated_at = p_now
        WHERE group_name = p_group.group_name AND outage_since IS NOT NULL;
        IF v_is_backing_off THEN
            UPDATE worker_groups SET unproven = false, cooldown_until = NULL, cooldown_reason = NULL,
                cooldown_class = NULL
            WHERE group_name = p_group.group_name;
        END IF;
        RETURN;
    END IF;
    UPDATE worker_groups SET outage_since = coalesce(v_began, p_now), overloaded_at = p_now, updated_at = p_now
    WHERE group_name = p_group.group_name;
    IF v_is_backing_off AND NOT p_is_probe OR v_began IS NULL AND EXISTS (
        SELECT FROM (
            SELECT group_name, status FROM tasks
            WHERE finished_at >= p_claimed_at ORDER BY finished_at DESC LIMIT 100
        ) AS ended
        WHERE ended.group_name = p_group.group_name AND ended.status = 'succeeded'
    ) THEN
        RETURN;
    END IF;
    v_probes := CASE WHEN v_is_backing_off AND v_began IS NOT NULL THEN coalesce(p_group.overloaded_probes, 0) + 1 ELSE 0 END;
    v_until := p_now + make_interval(secs => outage_wait(p_asked_s, v_probes));
    UPDATE worker_groups SET unproven = true, cooldown_until = v_until, cooldown_reason = p_reason,
        cooldown_class = 'overloaded', overloaded_probes = v_probes
    WHERE group_name = p_group.group_name AND coalesce(cooldown_until < v_until, true);
END
$$;
