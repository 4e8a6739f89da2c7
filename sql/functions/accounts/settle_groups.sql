-- INTERNAL settle_groups(finished, reports, now): applies to worker groups what error_classes says of runs that have
-- just ended. A usage limit cools the group down until its reset, see limit_wait(). A refused account pauses it. What
-- its host lacks closes it there, by a row of its own, so that no lock on the dispatcher is needed. A run that reached
-- the service proves that a cool-down is over. What a run cost is added to the spending of the day. A longer cool-down
-- and the reason of an earlier pause stay. Only end_runs() and give_up_runs() call this.
-- Locks: none that the status trigger has not taken already in this transaction.
CREATE OR REPLACE FUNCTION settle_groups(p_finished uuid [], p_reports jsonb, p_now timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    hit record;
    v_today date := (p_now AT TIME ZONE 'UTC')::date;
BEGIN
    INSERT INTO closed_groups (dispatcher_id, group_name, reason, since)
    SELECT runs.dispatcher_id, runs.group_name, min(coalesce(runs.error_message, policy.meaning)), p_now
    FROM task_runs AS runs
    JOIN error_classes AS policy ON policy.name = runs.error_class
    JOIN worker_groups AS g ON g.group_name = runs.group_name
    WHERE runs.id = ANY(p_finished) AND policy.group_action = 'close here'
    GROUP BY runs.dispatcher_id, runs.group_name ON CONFLICT DO NOTHING;
    FOR hit IN
        SELECT runs.group_name, sum(runs.cost_usd) AS cost_usd,
            min(coalesce(runs.error_message, policy.meaning)) FILTER (WHERE policy.group_action = 'pause') AS pause_reason,
            min(policy.name) FILTER (WHERE policy.group_action = 'pause') AS pause_class,
            min(coalesce(runs.error_message, policy.meaning)) FILTER (WHERE policy.group_action = 'cool down')
            AS cooldown_reason,
            max(limit_wait((report ->> 'retry_after_s')::double precision, is_probe(g, runs.claimed_at)))
                FILTER (WHERE policy.group_action = 'cool down') AS wait_s,
            coalesce(bool_or(is_probe(g, runs.claimed_at) AND (
                policy.name IS NULL OR policy.uses_attempt AND report ->> 'ran_s' IS NOT NULL
            )), false) AS proven
        FROM jsonb_array_elements(p_reports) AS report
        JOIN task_runs AS runs ON runs.id = (report ->> 'run_id')::uuid
        JOIN worker_groups AS g ON g.group_name = runs.group_name
        LEFT JOIN error_classes AS policy ON policy.name = runs.error_class
        WHERE runs.id = ANY(p_finished) AND (
            policy.group_action IS NOT NULL OR runs.cost_usd > 0 OR g.unproven
        )
        GROUP BY runs.group_name ORDER BY runs.group_name
    LOOP
        IF hit.pause_reason IS NOT NULL THEN
            UPDATE worker_groups SET paused = true, pause_reason = hit.pause_reason, pause_class = hit.pause_class,
                updated_at = p_now
            WHERE group_name = hit.group_name AND NOT paused;
        END IF;
        IF hit.proven AND hit.wait_s IS NULL THEN
            UPDATE worker_groups SET unproven = false, updated_at = p_now WHERE group_name = hit.group_name;
        END IF;
        IF hit.wait_s IS NOT NULL THEN
            UPDATE worker_groups SET unproven = true, updated_at = p_now,
                cooldown_until = p_now + make_interval(secs => hit.wait_s), cooldown_reason = hit.cooldown_reason
            WHERE group_name = hit.group_name
                AND coalesce(cooldown_until < p_now + make_interval(secs => hit.wait_s), true);
        END IF;
        IF hit.cost_usd > 0 THEN
            UPDATE worker_groups AS g SET spent_usd = spent_today(g, p_now) + hit.cost_usd, spent_on = v_today
            WHERE group_name = hit.group_name;
        END IF;
    END LOOP;
END
$$;
