-- API known_values(kind, prefix, limit): returns what somebody who types may mean: the values of a kind that begin with
-- a prefix, in the order of their names, and for people what each is about. Kinds: task (numbers, the newest first;
-- about: name and state), group, account, tool, tenant, queue, model, name, workflow, label (key=value), label_key,
-- schedule, and change (as task, but only those with a recorded change).
-- Of the tasks without a prefix, and of changes, models, names, workflows and labels, it knows those of the last 5,000
-- tasks: nothing lists them all, and what people type is recent. A confined session finds its own among as many of each length of a number.
-- Cost: flat in the number of tasks. Raises LD400 for another kind, and for a limit outside of 1 to 1,000.
CREATE OR REPLACE FUNCTION known_values(p_kind text, p_prefix text DEFAULT '', p_limit integer DEFAULT 100)
RETURNS TABLE (value text, about text)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    c_recent CONSTANT integer := 5000;
    v_mine text [] := session_tenants();
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION '% is not a valid limit: expected a number from 1 to 1000', coalesce(p_limit::text, 'null')
            USING ERRCODE = 'LD400';
    END IF;
    CASE p_kind
        WHEN 'task' THEN RETURN QUERY
            SELECT number::text, concat_ws(', ', name, state_word(coalesce(wait_reason, status)))
            FROM (
                SELECT recent.* FROM (
                    SELECT number, name, wait_reason, status, tenant_id FROM tasks WHERE p_prefix = ''
                    ORDER BY number DESC LIMIT c_recent
                ) AS recent
                UNION ALL
                -- The numbers that begin with 61 are 61, 610 to 619, 6100 to 6199, and so on.
                SELECT longer.* FROM generate_series(0, 9) AS digits CROSS JOIN LATERAL (
                    SELECT CASE WHEN p_prefix ~ '^[1-9][0-9]{0,8}$' THEN p_prefix::bigint END AS asked,
                        (10 ^ digits)::bigint AS power
                ) AS bounds CROSS JOIN LATERAL (
                    SELECT number, name, wait_reason, status, tenant_id FROM tasks
                    WHERE number >= asked * power AND number < (asked + 1) * power
                    ORDER BY number DESC LIMIT CASE WHEN v_mine IS NULL THEN p_limit ELSE c_recent END
                ) AS longer
            ) AS found
            WHERE v_mine IS NULL OR tenant_id = ANY(v_mine)
            ORDER BY found.number DESC LIMIT p_limit;
        WHEN 'change' THEN RETURN QUERY
            SELECT number::text, concat_ws(', ', name, state_word(coalesce(wait_reason, status)))
            FROM (
                SELECT id, number, name, wait_reason, status, tenant_id, repository FROM tasks
                ORDER BY number DESC LIMIT c_recent
            ) AS recent
            WHERE repository IS NOT NULL AND starts_with(number::text, p_prefix)
                AND (v_mine IS NULL OR tenant_id = ANY(v_mine))
                AND EXISTS (
                    SELECT FROM task_runs AS runs JOIN run_changes AS recorded ON recorded.run_id = runs.id
                    WHERE runs.task_id = recent.id AND recorded.ref IS NOT NULL
                )
            ORDER BY recent.number DESC LIMIT p_limit;
        WHEN 'model', 'name', 'workflow' THEN RETURN QUERY
            SELECT DISTINCT each.value, NULL::text
            FROM (
                SELECT CASE p_kind WHEN 'model' THEN model WHEN 'workflow' THEN workflow ELSE name END AS value, tenant_id
                FROM tasks ORDER BY number DESC LIMIT c_recent
            ) AS each
            WHERE starts_with(each.value, p_prefix) AND (v_mine IS NULL OR tenant_id = ANY(v_mine))
            ORDER BY 1 LIMIT p_limit;
        WHEN 'label', 'label_key' THEN RETURN QUERY
            SELECT DISTINCT labelled, NULL::text
            FROM (SELECT labels, tenant_id FROM tasks ORDER BY number DESC LIMIT c_recent) AS recent
            CROSS JOIN LATERAL jsonb_each_text(labels) AS label
            CROSS JOIN LATERAL (
                SELECT CASE p_kind WHEN 'label' THEN label.key || '=' || coalesce(label.value, '')
                    ELSE label.key END AS labelled
            ) AS shown
            WHERE starts_with(labelled, p_prefix) AND (v_mine IS NULL OR tenant_id = ANY(v_mine))
            ORDER BY 1 LIMIT p_limit;
        WHEN 'tenant', 'queue' THEN RETURN QUERY
            SELECT each.value, NULL::text
            FROM (
                SELECT CASE p_kind WHEN 'tenant' THEN tenant_id ELSE queue END AS value, tasks
                FROM current_tallies(p_by_tenant => p_kind = 'tenant')
            ) AS each
            WHERE starts_with(each.value, p_prefix) GROUP BY each.value HAVING sum(tasks) > 0
            ORDER BY 1 LIMIT p_limit;
        WHEN 'group' THEN RETURN QUERY
            SELECT group_name::text, tool || ', ' || account_name FROM worker_groups
            WHERE starts_with(group_name, p_prefix) ORDER BY 1 LIMIT p_limit;
        WHEN 'account' THEN RETURN QUERY
            SELECT account_name, string_agg(tool, ', ' ORDER BY tool) FROM worker_groups
            WHERE starts_with(account_name, p_prefix) GROUP BY account_name ORDER BY 1 LIMIT p_limit;
        WHEN 'tool' THEN RETURN QUERY
            SELECT name, NULL::text FROM tools WHERE starts_with(name, p_prefix) ORDER BY 1 LIMIT p_limit;
        WHEN 'schedule' THEN RETURN QUERY
            SELECT s.name, s.cron || ', ' || s.zone FROM schedules AS s
            WHERE starts_with(s.name, p_prefix) AND (v_mine IS NULL OR s.tenant_id = ANY(v_mine))
            ORDER BY 1 LIMIT p_limit;
        ELSE
            RAISE EXCEPTION '% is not a valid kind of value: expected task, group, account, tool, tenant, queue,'
                ' model, name, workflow, label, label_key, schedule or change', quote_nullable(p_kind)
                USING ERRCODE = 'LD400';
    END CASE;
END
$$;
