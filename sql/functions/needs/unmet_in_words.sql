-- INTERNAL unmet_in_words(task): returns what keeps a task from ever being ready, as people read it: "task 12 failed, and
-- its success is needed". Null when each of its needs may still be met. The first three are named.
CREATE OR REPLACE FUNCTION unmet_in_words(p_task uuid) RETURNS text
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
BEGIN
    RETURN (
        SELECT string_agg(words, '; ' ORDER BY number) FROM (
            SELECT n.number, CASE d.kind
                    WHEN 'tree' THEN format('a task of the tree of task %s did not succeed, and all are needed', n.number)
                    ELSE format('task %s %s, and its %s is needed', n.number,
                        CASE n.status WHEN 'canceled' THEN 'was canceled' ELSE n.status END,
                        CASE d.kind WHEN 'failed' THEN 'failure' ELSE 'success' END)
                END AS words
            FROM task_dependencies AS d JOIN tasks AS n ON n.id = d.needs
            WHERE d.task_id = p_task AND d.state = 'unmet' ORDER BY n.number LIMIT 3
        ) AS unmet
    );
END
$$;
