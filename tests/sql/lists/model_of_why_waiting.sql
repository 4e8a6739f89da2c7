-- The model of why_waiting(): the reason of one task, looked up step by step for that task alone.
CREATE OR REPLACE FUNCTION model_of_why_waiting(p_task text) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_task tasks;
    v_now timestamptz := clock();
    v_not_ready text;
    v_seen timestamptz;
    v_groups record;
    v_full text;
    v_ahead bigint;
BEGIN
    SELECT * INTO v_task FROM tasks WHERE id = find_task(p_task);
    IF v_task.status <> 'queued' THEN
        RETURN NULL;
    END IF;
    IF v_task.wait_reason IS NOT NULL THEN
        v_not_ready := why_not_ready(v_task, v_now);
        IF v_not_ready = 'needs others' THEN
            v_not_ready := coalesce((SELECT words FROM needs_in_words(ARRAY[v_task.id])),
                format('waits for a task that is not there any more: `llmctl release %s`', v_task.number));
        END IF;
        IF v_not_ready IS NOT NULL THEN
            RETURN v_not_ready;
        END IF;
    END IF;
    IF NOT EXISTS (SELECT FROM dispatchers WHERE NOT closed AND lease_expires_at > v_now) THEN
        SELECT max(last_heartbeat_at) INTO v_seen FROM dispatchers;
        RETURN 'no dispatcher is running: start one with `dispatcher run`'
            || coalesce(' (the last one was seen ' || in_words(v_now - v_seen) || ' ago)', '');
    END IF;

    v_groups := group_problems(v_task.tool, v_task.account, v_task.model, v_now);
    IF v_groups.any_open IS NULL THEN
        RETURN format('no worker group serves %s%s: add one with `llmctl group add`', v_task.tool,
            coalesce(' with account ' || v_task.account, ''));
    END IF;

    SELECT string_agg(format('%s is full (%s/%s)', scope, current_concurrent, max_concurrent), '; ' ORDER BY scope)
    INTO v_full
    FROM concurrency_limits
    WHERE scope = ANY(limit_scopes(v_task.tool, v_task.model, v_task.tenant_id, v_task.queue, v_task.workflow))
        AND current_concurrent >= max_concurrent;
    IF NOT v_groups.any_open OR v_full IS NOT NULL THEN
        RETURN concat_ws('; ', CASE WHEN NOT v_groups.any_open THEN v_groups.problems END, v_full);
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
