-- INTERNAL settle_groups(finished, reports, now): applies to worker groups what error_classes says of runs that have
-- just ended. A usage limit cools the group down until its reset, see limit_wait(); that of one model only the model,
-- see cool_models(). A refused account pauses it, unless somebody resumed it after the run was claimed. What its host
-- lacks closes it there, by a row of its own, so that no lock on the dispatcher is needed. An overloaded service makes it
-- back off, see settle_outage(). Throttled runs are counted until one gets through, see is_throttled(). A run that
-- reached the service proves that a cool-down is over. What a run cost is added to the spending of the day. A longer
-- cool-down and the reason of an earlier pause stay. Only end_runs() and give_up_runs() call this.
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
    IF p_reports @? '$[*].limit_is_of_model ? (@ == true)' THEN
        PERFORM cool_models(p_finished, p_reports, p_now);
    END IF;
    FOR hit IN
        SELECT g, g.group_name, g.outage_since IS NOT NULL AS is_out, sum(ended.cost_usd) AS cost_usd,
            min(said) FILTER (WHERE action = 'pause' AND ended.claimed_at >= coalesce(g.resumed_at, '-infinity'))
            AS pause_reason,
            min(error_class) FILTER (WHERE action = 'pause') AS pause_class,
            min(said) FILTER (WHERE action = 'cool down') AS cooldown_reason,
            max(limit_wait(asked_s, is_probe(g, ended.claimed_at))) FILTER (WHERE action = 'cool down') AS wait_s,
            coalesce(bool_or(is_probe(g, ended.claimed_at) AND proves), false) AS proven,
            bool_or(is_answered) AS is_answered,
            max(ended.claimed_at) FILTER (WHERE action = 'back off') AS overloaded_claimed_at,
            bool_or(is_probe(g, ended.claimed_at)) FILTER (WHERE action = 'back off') AS is_overloaded_probe,
            max(asked_s) FILTER (WHERE action = 'back off') AS overload_wait_s,
            min(said) FILTER (WHERE action = 'back off') AS overload_reason,
            count(*) FILTER (WHERE action = 'count') AS throttled,
            bool_or(is_answered AND action IS DISTINCT FROM 'count') AS is_through
        FROM (
            SELECT runs.group_name, runs.claimed_at, runs.cost_usd, runs.error_class,
                coalesce(runs.error_message, policy.meaning) AS said,
                (report ->> 'retry_after_s')::double precision AS asked_s,
                -- A limit of one model is no matter of the account, and shows that it works.
                CASE WHEN of_model THEN NULL ELSE policy.group_action END AS action,
                policy.name IS NULL OR of_model
                OR policy.uses_attempt AND report ->> 'ran_s' IS NOT NULL AS proves,
                policy.name IS NULL OR policy.is_answered AND report ->> 'ran_s' IS NOT NULL AS is_answered
            FROM jsonb_array_elements(p_reports) AS report
            JOIN task_runs AS runs ON runs.id = (report ->> 'run_id')::uuid
            LEFT JOIN error_classes AS policy ON policy.name = runs.error_class
            CROSS JOIN LATERAL (
                SELECT coalesce(policy.group_action = 'cool down', false) AND report @> '{"limit_is_of_model": true}'
                    AS of_model
            ) AS limited
            WHERE runs.id = ANY(p_finished)
        ) AS ended
        JOIN worker_groups AS g ON g.group_name = ended.group_name
        WHERE action IS NOT NULL OR cost_usd > 0 OR g.unproven OR g.outage_since IS NOT NULL
            OR g.throttled_since IS NOT NULL
        GROUP BY g.group_name ORDER BY g.group_name
    LOOP
        IF hit.pause_reason IS NOT NULL THEN
            UPDATE worker_groups SET paused = true, pause_reason = hit.pause_reason, pause_class = hit.pause_class,
                updated_at = p_now
            WHERE group_name = hit.group_name AND NOT paused;
        END IF;
        IF hit.proven AND hit.wait_s IS NULL THEN
            UPDATE worker_groups AS g SET unproven = false, updated_at = p_now
            WHERE group_name = hit.group_name
                AND (cooldown_class IS DISTINCT FROM 'overloaded' OR outage_began(g, p_now) IS NULL);
        END IF;
        IF hit.is_answered AND hit.is_out OR hit.overloaded_claimed_at IS NOT NULL THEN
            PERFORM settle_outage(hit.g, p_now, hit.is_answered, hit.overloaded_claimed_at, hit.is_overloaded_probe,
                hit.overload_wait_s, hit.overload_reason);
        END IF;
        IF hit.is_through OR hit.throttled > 0 THEN
            UPDATE worker_groups SET
                throttled_since = CASE WHEN NOT hit.is_through THEN coalesce(throttled_since, p_now) END,
                throttled_runs = CASE WHEN NOT hit.is_through THEN coalesce(throttled_runs, 0) + hit.throttled END
            WHERE group_name = hit.group_name AND (NOT hit.is_through OR throttled_since IS NOT NULL);
        END IF;
        IF hit.wait_s IS NOT NULL THEN
            UPDATE worker_groups SET unproven = true, updated_at = p_now, cooldown_class = 'limit',
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
