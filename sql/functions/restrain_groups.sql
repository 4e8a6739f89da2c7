-- restrain_groups(finished, reports, now): what the errors of runs that have just ended do to their worker groups, as
-- error_classes says: a usage limit cools the group down until its reset (an hour if nobody said when), a refused
-- account pauses it. A longer cool-down and the reason of an earlier pause stay. Only finish_runs() calls this.
-- Locks: none that the status trigger has not taken already in this transaction.
CREATE OR REPLACE FUNCTION restrain_groups(p_finished uuid [], p_reports jsonb, p_now timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    hit record;
BEGIN
    FOR hit IN
        SELECT runs.group_name, policy.group_action, min(coalesce(runs.error_message, policy.meaning)) AS reason,
            max(coalesce(bounded_wait((report ->> 'retry_after_s')::double precision), 3600)) AS wait_s
        FROM jsonb_array_elements(p_reports) AS report
        JOIN task_runs AS runs ON runs.id = (report ->> 'run_id')::uuid
        JOIN error_classes AS policy ON policy.name = runs.error_class
        WHERE runs.id = ANY(p_finished) AND policy.group_action IS NOT NULL
        GROUP BY runs.group_name, policy.group_action ORDER BY runs.group_name
    LOOP
        IF hit.group_action = 'pause' THEN
            UPDATE worker_groups SET paused = true, pause_reason = hit.reason, updated_at = p_now
            WHERE group_name = hit.group_name AND NOT paused;
        ELSE
            UPDATE worker_groups SET cooldown_until = p_now + make_interval(secs => hit.wait_s),
                cooldown_reason = hit.reason, updated_at = p_now
            WHERE group_name = hit.group_name
                AND coalesce(cooldown_until < p_now + make_interval(secs => hit.wait_s), true);
        END IF;
    END LOOP;
END
$$;
