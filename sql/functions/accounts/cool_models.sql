-- INTERNAL cool_models(finished, reports, now): lets models cool down on the accounts on which runs that have just
-- ended met a usage limit of the model alone. A longer cool-down stays, and one that ended more than a day ago is
-- forgotten. There is no probe: a run in vain costs neither money nor an attempt, and a limit that is met again within an
-- hour of its end lasts a minute at least. So at most all slots of an account are in vain once a minute.
-- Locks: the groups, which the status trigger has locked. Only settle_groups() calls this.
CREATE OR REPLACE FUNCTION cool_models(p_finished uuid [], p_reports jsonb, p_now timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_groups text [];
BEGIN
    WITH hit AS (
        SELECT runs.group_name, coalesce(tasks.model, '') AS model,
            min(coalesce(runs.error_message, policy.meaning)) AS reason,
            p_now + make_interval(secs => max(limit_wait(
                (report ->> 'retry_after_s')::double precision,
                EXISTS (
                    SELECT FROM model_cooldowns AS earlier
                    WHERE earlier.group_name = runs.group_name AND earlier.model = coalesce(tasks.model, '')
                        AND earlier.cools_until <= runs.claimed_at
                        AND earlier.cools_until > runs.claimed_at - interval '1 hour'
                )
            ))) AS cools_until
        FROM jsonb_array_elements(p_reports) AS report
        JOIN task_runs AS runs ON runs.id = (report ->> 'run_id')::uuid
        JOIN tasks ON tasks.id = runs.task_id
        JOIN error_classes AS policy ON policy.name = runs.error_class
        WHERE runs.id = ANY(p_finished) AND policy.group_action = 'cool down' AND report @> '{"limit_is_of_model": true}'
            AND EXISTS (SELECT FROM worker_groups WHERE worker_groups.group_name = runs.group_name)
        GROUP BY runs.group_name, coalesce(tasks.model, '')
    ), cooled AS (
        INSERT INTO model_cooldowns AS c (group_name, model, cools_until, reason)
        SELECT hit.group_name, hit.model, hit.cools_until, hit.reason FROM hit
        ON CONFLICT (group_name, model) DO UPDATE SET cools_until = excluded.cools_until, reason = excluded.reason
        WHERE c.cools_until < excluded.cools_until
    )
    SELECT array_agg(DISTINCT group_name ORDER BY group_name) INTO v_groups FROM hit;
    IF v_groups IS NOT NULL THEN
        DELETE FROM model_cooldowns
        WHERE group_name = ANY(v_groups) AND cools_until < p_now - interval '1 day';
        UPDATE worker_groups AS g SET updated_at = p_now,
            models_cool_until = (SELECT max(cools_until) FROM model_cooldowns AS c WHERE c.group_name = g.group_name)
        WHERE group_name = ANY(v_groups);
    END IF;
END
$$;
