-- INTERNAL needs_in_words(tasks): returns what each of these tasks waits for that comes after others, as people read it:
-- "waits for task 12 to succeed (running), and 3 more"; or what keeps it from ever being ready, and what to type. Those that
-- wait for none are left out. Cost: that of their needs; a tree that several need is looked up once. To look it up for each
-- took 0.5 s for 500 tasks that need a tree of 500.
CREATE OR REPLACE FUNCTION needs_in_words(p_ids uuid []) RETURNS TABLE (task_id uuid, words text)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
BEGIN
    RETURN QUERY
    WITH firsts AS MATERIALIZED (
        SELECT DISTINCT ON (d.task_id) d.task_id, t.number, d.kind, d.state, n.id, n.number AS need,
            coalesce(n.wait_reason, state_word(n.status)) AS is_so, count(*) OVER (PARTITION BY d.task_id) - 1 AS others
        FROM tasks AS t JOIN task_dependencies AS d ON d.task_id = t.id JOIN tasks AS n ON n.id = d.needs
        WHERE t.id = ANY(p_ids) AND d.state IN ('open', 'unmet')
        ORDER BY d.task_id, d.state DESC, n.number, d.kind
    ), needed AS MATERIALIZED (
        SELECT asked.id, asked.is_tree, seen.*
        FROM (SELECT DISTINCT f.id, f.kind = 'tree' AS is_tree FROM firsts AS f) AS asked
        CROSS JOIN LATERAL (
            SELECT count(*) AS tasks, count(*) FILTER (WHERE finished_at IS NULL) AS not_ended,
                min(number) FILTER (WHERE status IN ('failed', 'canceled')) AS to_retry
            FROM tasks
            WHERE tasks.id = ANY(asked.id || CASE WHEN asked.is_tree THEN tasks_below(ARRAY[asked.id]) END)
        ) AS seen
    )
    SELECT f.task_id, CASE
            WHEN f.state = 'unmet' THEN format('%s: %s`llmctl release %s` to run it all the same', unmet_in_words(f.task_id),
                format('`llmctl retry %s`, or ', nullif(to_retry, CASE f.kind WHEN 'failed' THEN to_retry END)), f.number)
            ELSE CASE
                WHEN tasks > 1 THEN format('waits for %s of the %s tasks of the tree of task %s', not_ended, tasks, need)
                ELSE format('waits for task %s to %s (%s)', need,
                    CASE f.kind WHEN 'ended' THEN 'end' WHEN 'failed' THEN 'fail' ELSE 'succeed' END, is_so)
            END || CASE WHEN others > 0 THEN format(', and %s more', others) ELSE '' END
        END
    FROM firsts AS f JOIN needed ON needed.id = f.id AND needed.is_tree = (f.kind = 'tree');
END
$$;
