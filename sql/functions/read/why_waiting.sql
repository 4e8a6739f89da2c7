-- API why_waiting(task): returns the one sentence that says why a queued task does not run; null if it does not wait.
-- What stops everything comes first, then what stops its tool, then the limits that count it, then its place. It is
-- STABLE, so that it sees everything at one moment. Otherwise a task that starts meanwhile would seem to wait for the
-- slot that it has.
-- Raises LD404.
CREATE OR REPLACE FUNCTION why_waiting(p_task text) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_task tasks;
    v_now timestamptz := clock();
    v_seen timestamptz;
    v_usable boolean;
    v_problems text;
    v_full text;
    v_ahead bigint;
BEGIN
    SELECT * INTO v_task FROM tasks WHERE id = find_task(p_task);
    IF v_task.status <> 'queued' THEN
        RETURN NULL;
    END IF;
    IF v_task.wait_reason IN ('scheduled', 'retry', 'limit') AND v_task.ready_at <= v_now THEN
        -- Its time has come, so the next claim takes it as ready. The reason is what keeps it from that.
        v_task.wait_reason := NULL;
    END IF;
    CASE v_task.wait_reason
        WHEN 'held' THEN
            RETURN 'held until somebody releases it';
        WHEN 'dependency' THEN
            RETURN 'waits for another task to succeed';
        WHEN 'scheduled' THEN
            RETURN format('scheduled to start in %s', in_words(v_task.ready_at - v_now));
        WHEN 'retry' THEN
            RETURN format('attempt %s of %s in %s, after: %s', v_task.attempt + 1, v_task.max_attempts,
                in_words(v_task.ready_at - v_now), coalesce(v_task.error_message, v_task.error_class));
        WHEN 'limit' THEN
            RETURN format('usage limit of %s, tried again in %s', coalesce(v_task.group_name, 'the account'),
                in_words(v_task.ready_at - v_now));
        ELSE
    END CASE;

    IF NOT EXISTS (SELECT FROM dispatchers WHERE NOT closed AND lease_expires_at > v_now) THEN
        SELECT max(last_heartbeat_at) INTO v_seen FROM dispatchers;
        RETURN 'no dispatcher is running: start one with `dispatcher run`'
            || coalesce(' (the last one was seen ' || in_words(v_now - v_seen) || ' ago)', '');
    END IF;

    SELECT bool_or(problem IS NULL), string_agg(group_name || ' ' || problem, '; ' ORDER BY group_name)
    INTO v_usable, v_problems
    FROM worker_groups AS g, LATERAL (
        SELECT CASE
            WHEN paused THEN 'is paused' || coalesce(' (' || pause_reason || ')', '')
            WHEN cooldown_until > v_now THEN format('cools down for %s', in_words(cooldown_until - v_now))
                || coalesce(' (' || cooldown_reason || ')', '')
            WHEN spent_today(g, v_now) >= daily_budget_usd THEN format('has spent its budget of the day ($%s of $%s), goes '
                'on in %s', round(spent_usd, 2), round(daily_budget_usd, 2), in_words(next_day(v_now) - v_now))
            WHEN NOT EXISTS (
                SELECT FROM dispatchers AS d
                WHERE NOT d.closed AND d.lease_expires_at > v_now AND group_is_served_by(g, d)
            ) THEN 'is served by no running dispatcher'
            WHEN unproven AND free_slots(g, v_now) = 0 AND current_concurrent < max_concurrent
                THEN 'tries one task first, after its cool-down'
            WHEN current_concurrent >= max_concurrent THEN format('is full (%s/%s)', current_concurrent, max_concurrent)
        END AS problem
    ) AS looked_at
    WHERE tool = v_task.tool AND (v_task.account IS NULL OR account_name = v_task.account);
    IF v_usable IS NULL THEN
        RETURN format('no worker group serves %s%s: add one with `llmctl group add`', v_task.tool,
            coalesce(' with account ' || v_task.account, ''));
    END IF;

    SELECT string_agg(format('%s is full (%s/%s)', scope, current_concurrent, max_concurrent), '; ' ORDER BY scope)
    INTO v_full
    FROM concurrency_limits
    WHERE scope = ANY(limit_scopes(v_task.tool, v_task.model, v_task.tenant_id, v_task.queue))
        AND current_concurrent >= max_concurrent;
    IF NOT v_usable OR v_full IS NOT NULL THEN
        RETURN concat_ws('; ', CASE WHEN NOT v_usable THEN v_problems END, v_full);
    END IF;

    SELECT count(*) INTO v_ahead FROM (
        SELECT FROM tasks
        WHERE lane = v_task.lane AND status = 'queued' AND wait_reason IS NULL
            AND (created_at, number) < (v_task.created_at, v_task.number)
        LIMIT 1000
    ) AS ahead;
    RETURN CASE
        WHEN v_ahead = 0 AND EXISTS (SELECT FROM lanes WHERE lane = v_task.lane AND contended_at IS NOT NULL)
            THEN 'somebody''s open transaction holds it: `dispatcher check` names those that are old'
        WHEN v_ahead = 0 THEN 'about to start'
        WHEN v_ahead = 1000 THEN 'waits for its turn: 1,000 or more like it are ahead'
        ELSE format('waits for its turn: %s like it ahead', v_ahead)
    END;
END
$$;
