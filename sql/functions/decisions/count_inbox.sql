-- API count_inbox(most): returns how much waits for a person: the rows of inbox() about questions, approvals, unmet needs,
-- budgets of trees and workflows, worker groups and schedules, without the tasks that have ended. It stops counting at `most`, so that
-- much stands for more, too.
-- Cost: a probe for each one counted by tasks_by_state, and the worker groups. (A confined session reads past the
-- questions and approvals of others.)
CREATE OR REPLACE FUNCTION count_inbox(p_most integer DEFAULT 100) RETURNS integer
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    v_selection task_selection := read_selection('{}');
    v_tasks integer;
BEGIN
    SELECT count(*) INTO v_tasks FROM (
        SELECT FROM tasks AS t
        WHERE coalesce(t.wait_reason, t.status) = ANY('{question,approval}'::text []) AND t.status NOT IN ('leased', 'running')
            AND task_fits(t, v_selection)
        LIMIT p_most
    ) AS waiting;
    IF v_tasks < p_most THEN
        v_tasks := v_tasks + (
            SELECT count(*) FROM (
                SELECT FROM (
                    SELECT DISTINCT task_id FROM task_dependencies WHERE state = 'unmet' ORDER BY task_id LIMIT 10000
                ) AS unmet JOIN tasks AS t ON t.id = unmet.task_id
                WHERE t.wait_reason = 'dependency' AND task_fits(t, v_selection) LIMIT p_most - v_tasks
            ) AS held
        );
    END IF;
    v_tasks := v_tasks + (SELECT count(*) FROM trees_for_people(v_selection)) + (SELECT count(*) FROM schedules_for_people());
    IF v_tasks < p_most AND session_tenants() IS NULL THEN
        v_tasks := v_tasks + (SELECT count(*) FROM groups_for_people()) + (SELECT count(*) FROM workflows_for_people());
    END IF;
    RETURN least(v_tasks, p_most);
END
$$;
