-- INTERNAL settle_needs(tasks, most, is_claim): looks at the needs of others for these tasks, which have just ended or are queued
-- again, and moves those others as weigh_needs() says; then at those that need these, and so on. At most `most` needs are
-- changed, so that no transaction gets long: a report and its claim, which both settle so many, take 50 ms of processor time
-- with 250, and 120 with 1,000 (wall time on two processors with a load of 6: 120 to 150 and 370 ms). What is left, and
-- what somebody else holds, stays in dependency_inbox for the next claim: settle_inbox(). Returns whether something is left since they were too many. Dispatchers are told of what is left, unless a
-- claim left it since others hold it: two of them would wake each other for as long.
-- Hooks are told of tasks that wait for a person now, since what they need cannot come.
-- Several tasks of one tree may end at once, and none of these transactions sees the others' ends. So who looks at a tree
-- holds its lock, and who does not get that leaves the tree to the next claim. A task spawns others before it ends in the
-- same transaction: else its tree would be whole for a moment.
-- Nobody is waited for, since the trigger of an end calls this while it holds the counters lock.
-- Locks: the trees, and the tasks that need these (SKIP LOCKED). The caller holds those that it names.
CREATE OR REPLACE FUNCTION settle_needs(p_ids uuid [], p_most integer DEFAULT 250, p_is_claim boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    v_front uuid [] := p_ids;
    v_needs uuid [];
    v_kinds text [];
    v_states text [];
    v_locked uuid [];
    v_unmet uuid [];
    v_left uuid [];
BEGIN
    WHILE v_front <> '{}' LOOP
        SELECT array_agg(id) FILTER (WHERE is_ours), array_agg(kind) FILTER (WHERE is_ours),
            coalesce(array_agg(id) FILTER (WHERE NOT is_ours), '{}')
        INTO v_needs, v_kinds, v_left
        FROM (
            SELECT id, kind, kind <> 'tree' OR pg_try_advisory_xact_lock(1819045742, hashtext(id::text)) AS is_ours
            FROM unnest(v_front || tasks_above(v_front)) AS id CROSS JOIN unnest('{succeeded,ended,failed,tree}'::text []) AS kind
            WHERE EXISTS (
                SELECT FROM task_dependencies AS d
                WHERE d.needs = id AND d.kind = kind.kind AND d.state IN ('open', 'unmet'))
        ) AS wanted;
        -- In a statement of its own: what was committed before we got the lock of a tree is seen.
        v_states := ARRAY(
            SELECT need_state(kind, n.id, n.status)
            FROM unnest(v_needs, v_kinds) WITH ORDINALITY AS wanted (id, kind, place) JOIN tasks AS n USING (id) ORDER BY place
        );
        WITH source AS MATERIALIZED (
            SELECT d.task_id, d.needs, d.kind, wanted.state
            FROM unnest(v_needs, v_kinds, v_states) AS wanted (needs, kind, state)
            CROSS JOIN unnest('{open,unmet}'::text []) AS was
            JOIN task_dependencies AS d ON d.needs = wanted.needs AND d.kind = wanted.kind AND d.state = was
            JOIN tasks AS t ON t.id = d.task_id
            WHERE wanted.state <> was
            LIMIT p_most FOR NO KEY UPDATE OF t SKIP LOCKED
        ), changed AS (
            UPDATE task_dependencies AS d SET state = source.state FROM source
            WHERE d.task_id = source.task_id AND d.needs = source.needs AND d.kind = source.kind
                AND d.state IN ('open', 'unmet')
            RETURNING d.task_id, d.state
        )
        SELECT coalesce(array_agg(DISTINCT task_id), '{}'), array_agg(DISTINCT task_id) FILTER (WHERE state = 'unmet'),
            p_most - count(*)
        INTO v_locked, v_unmet, p_most FROM changed;
        v_left := v_left || ARRAY(
            SELECT needs FROM unnest(v_needs, v_kinds, v_states) AS wanted (needs, kind, state)
            WHERE EXISTS (
                SELECT FROM task_dependencies AS d
                WHERE d.needs = wanted.needs AND d.kind = wanted.kind AND d.state IN ('open', 'unmet') AND d.state <> wanted.state)
        );
        v_front := weigh_needs(v_locked);
        IF v_unmet IS NOT NULL AND EXISTS (SELECT FROM hooks) THEN
            PERFORM file_task_news(array_agg(id), array_agg('task.waiting'::text)) FROM tasks
            WHERE id = ANY(v_unmet) AND wait_reason = 'dependency' HAVING count(*) > 0;
        END IF;
        -- Their sets are settled later: who gave them up holds none of the tries beside them.
        v_left := v_left || ARRAY(SELECT id FROM tasks WHERE id = ANY(v_front) AND try_set IS NOT NULL);
        IF p_most <= 0 THEN
            v_left := v_left || v_front;
            v_front := '{}';
        END IF;
        IF v_left <> '{}' THEN
            INSERT INTO dependency_inbox (needs) SELECT DISTINCT unnest(v_left);
            PERFORM pg_notify('task_ready', tool)
            FROM (SELECT DISTINCT tool FROM tasks WHERE id = ANY(v_left) AND (p_most <= 0 OR NOT p_is_claim)) AS of_these;
        END IF;
    END LOOP;
    RETURN p_most <= 0;
END
$$;
