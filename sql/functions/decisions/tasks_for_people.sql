-- INTERNAL tasks_for_people(selection): returns the rows of inbox() that are about tasks of a selection. It joins by keys
-- alone: a merge join by number read all of a million tasks (measured).
CREATE OR REPLACE FUNCTION tasks_for_people(p_selection task_selection)
RETURNS TABLE (
    kind text, number bigint, group_name text, name text, what text, since timestamptz, verbs text []
)
LANGUAGE sql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
    WITH found AS MATERIALIZED (
        (
            SELECT t.number FROM tasks AS t
            WHERE coalesce(t.wait_reason, t.status) = ANY('{question}'::text []) AND t.status NOT IN ('leased', 'running')
                AND task_fits(t, p_selection)
            ORDER BY coalesce(t.wait_reason, t.status), t.number LIMIT 1000
        )
        UNION ALL
        (
            SELECT t.number FROM tasks AS t
            WHERE coalesce(t.wait_reason, t.status) = ANY('{approval}'::text []) AND t.status NOT IN ('leased', 'running')
                AND task_fits(t, p_selection)
            ORDER BY coalesce(t.wait_reason, t.status), t.number LIMIT 1000
        )
        UNION ALL
        (
            SELECT t.number FROM (
                SELECT DISTINCT task_id FROM task_dependencies WHERE state = 'unmet' ORDER BY task_id LIMIT 10000
            ) AS unmet JOIN tasks AS t ON t.id = unmet.task_id
            WHERE t.wait_reason = 'dependency' AND task_fits(t, p_selection) LIMIT 1000
        )
        UNION ALL
        (
            SELECT newest.number FROM (
                SELECT t.number, t.id, t.finished_at, t.error_class, t.try_set, task_fits(t, p_selection) AS fits
                FROM tasks AS t
                WHERE coalesce(t.wait_reason, t.status) = ANY('{failed}'::text []) AND t.status NOT IN ('leased', 'running')
                ORDER BY coalesce(t.wait_reason, t.status) DESC, t.number DESC LIMIT 1000
            ) AS newest
            WHERE fits AND finished_at > clock() - interval '7 days' AND error_class IS DISTINCT FROM 'denied'
                AND NOT is_continued(id)
                AND NOT EXISTS (SELECT FROM try_sets WHERE try_sets.id = newest.try_set AND picked IS NOT NULL)
            ORDER BY newest.number DESC LIMIT 100
        )
    )
    SELECT
        CASE
            WHEN t.wait_reason IN ('question', 'approval') THEN t.wait_reason
            WHEN t.wait_reason = 'dependency' THEN 'unmet'
            WHEN error_class = 'budget' THEN 'over_budget'
            ELSE 'failed'
        END,
        t.number, NULL::text, t.title,
        CASE t.wait_reason
            WHEN 'question' THEN left(question, 500)
            WHEN 'approval' THEN result_to_approve(run_id)
            WHEN 'dependency' THEN unmet_in_words(t.id)
            ELSE coalesce(left(error_message, 500), meaning, error_class)
        END,
        coalesce(finished_at, t.updated_at),
        CASE t.wait_reason
            WHEN 'question' THEN ARRAY[format('llmctl answer %s TEXT', t.number)]
            WHEN 'approval' THEN CASE
                WHEN repository IS NOT NULL THEN ARRAY[format('llmctl diff %s', t.number)]
                ELSE ARRAY[format('llmctl result %s', t.number)]
            END || ARRAY[format('llmctl approve %s', t.number), format('llmctl deny %s', t.number)]
            WHEN 'dependency' THEN ARRAY[format('llmctl show %s', t.number), format('llmctl release %s', t.number),
                format('llmctl cancel %s', t.number)]
            ELSE ARRAY[format('llmctl show %s', t.number), format('llmctl retry %s', t.number)]
        END
    FROM found JOIN tasks AS t USING (number) LEFT JOIN error_classes ON error_classes.name = t.error_class
$$;
