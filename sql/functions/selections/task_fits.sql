-- INTERNAL task_fits(task, selection): returns whether a task is one of those selected. It is one expression, so that
-- the planner inlines it: it then reads the columns that it names, and not the prompt.
CREATE OR REPLACE FUNCTION task_fits(p_task tasks, p_selection task_selection) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT ((p_selection).tenants IS NULL OR (p_task).tenant_id = ANY((p_selection).tenants))
        AND ((p_selection).picked IS NULL OR (p_task).number <@ (p_selection).picked)
        AND ((p_selection).tool IS NULL OR (p_task).tool = (p_selection).tool)
        AND ((p_selection).model IS NULL OR (p_task).model = (p_selection).model)
        AND ((p_selection).queue IS NULL OR (p_task).queue = (p_selection).queue)
        AND ((p_selection).workflow IS NULL OR (p_task).workflow = (p_selection).workflow)
        AND ((p_selection).group_name IS NULL OR (p_task).group_name = (p_selection).group_name)
        AND ((p_selection).since IS NULL OR (p_task).created_at >= (p_selection).since)
        AND ((p_selection).until IS NULL OR (p_task).created_at < (p_selection).until)
        AND ((p_selection).states IS NULL OR CASE
            WHEN (p_task).status = 'queued' AND (p_task).wait_reason IS NULL
                AND ((p_task).tool || chr(31) || coalesce((p_task).account, '') = ANY((p_selection).short_of_budget)
                    OR (p_task).workflow = ANY((p_selection).spent_workflows))
                THEN 'budget'
            ELSE coalesce((p_task).wait_reason, (p_task).status)
        END = ANY((p_selection).states))
        AND ((p_selection).waiting IS NULL OR (p_task).wait_reason = (p_selection).waiting
            OR (p_task).status = 'queued' AND (p_task).wait_reason IS NULL
            AND CASE WHEN (p_task).workflow = ANY((p_selection).spent_workflows) THEN (p_selection).waiting = 'budget'
                ELSE (p_task).tool || chr(31) || coalesce((p_task).account, '') = ANY((p_selection).ready_waits) END)
        AND ((p_selection).name_like IS NULL OR lower((p_task).title) LIKE (p_selection).name_like)
        AND ((p_selection).labels IS NULL OR has_labels((p_task).labels, (p_selection).labels))
$$;
