-- INTERNAL settle_needs(tasks, most): looks at the needs of others for these tasks, which have just ended or are queued
-- again, and moves those others as weigh_needs() says; then at those that need these, and so on. At most `most` needs are
-- looked at, so that no transaction gets long. What is left, and what somebody else holds, stays in dependency_inbox for
-- the next claim: settle_inbox(). Nobody is waited for.
-- Locks: the tasks that need them (SKIP LOCKED).
CREATE OR REPLACE FUNCTION settle_needs(p_ids uuid [], p_most integer DEFAULT 1000) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_front uuid [] := p_ids;
    v_all uuid [];
    v_wanted record;
    v_locked uuid [];
    v_left uuid [];
BEGIN
    WHILE v_front <> '{}' LOOP
        v_all := v_front || tasks_above(v_front);
        v_locked := '{}';
        v_left := '{}';
        FOR v_wanted IN
            SELECT n.id, kind, need_state(kind, n.id, n.status) AS state
            FROM tasks AS n CROSS JOIN unnest('{succeeded,ended,failed,tree}'::text []) AS kind
            WHERE n.id = ANY(v_all) AND EXISTS (
                SELECT FROM task_dependencies AS d
                WHERE d.needs = n.id AND d.kind = kind.kind AND d.state IN ('open', 'unmet'))
        LOOP
            WITH source AS MATERIALIZED (
                SELECT t.id FROM task_dependencies AS d JOIN tasks AS t ON t.id = d.task_id
                WHERE d.needs = v_wanted.id AND d.kind = v_wanted.kind AND d.state = ANY(CASE v_wanted.state
                    WHEN 'met' THEN '{open,unmet}' WHEN 'unmet' THEN '{open}' ELSE '{unmet}' END::text [])
                LIMIT p_most FOR NO KEY UPDATE OF t SKIP LOCKED
            ), changed AS (
                UPDATE task_dependencies AS d SET state = v_wanted.state FROM source
                WHERE d.task_id = source.id AND d.needs = v_wanted.id AND d.kind = v_wanted.kind
                RETURNING d.task_id
            )
            SELECT v_locked || coalesce(array_agg(task_id), '{}'), p_most - count(*) INTO v_locked, p_most FROM changed;
            IF EXISTS (
                SELECT FROM task_dependencies AS d
                WHERE d.needs = v_wanted.id AND d.kind = v_wanted.kind AND d.state = ANY(CASE v_wanted.state
                    WHEN 'met' THEN '{open,unmet}' WHEN 'unmet' THEN '{open}' ELSE '{unmet}' END::text [])
            ) THEN
                v_left := v_left || v_wanted.id;
            END IF;
        END LOOP;
        v_front := weigh_needs(v_locked);
        IF p_most <= 0 THEN
            v_left := v_left || v_front;
            v_front := '{}';
        END IF;
        IF v_left <> '{}' THEN
            INSERT INTO dependency_inbox (needs) SELECT DISTINCT unnest(v_left);
            PERFORM pg_notify('task_ready', tool) FROM (SELECT DISTINCT tool FROM tasks WHERE id = ANY(v_left)) AS of_these;
        END IF;
    END LOOP;
END
$$;
