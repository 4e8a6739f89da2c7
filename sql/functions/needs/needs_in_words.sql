-- INTERNAL needs_in_words(task, number): returns what a task waits for that comes after others, as people read it: "waits for
-- task 12 to succeed (running), and 3 more"; or what keeps it from ever being ready, and what to type. Null if it waits for
-- none. Cost: that of its needs, and of the first tree.
CREATE OR REPLACE FUNCTION needs_in_words(p_task uuid, p_number bigint) RETURNS text
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
    v_first record;
    v_tree uuid [];
    v_retry bigint;
BEGIN
    SELECT d.kind, d.state, n.id, n.number, coalesce(n.wait_reason, state_word(n.status)) AS is_so,
        count(*) OVER () - 1 AS others INTO v_first
    FROM task_dependencies AS d JOIN tasks AS n ON n.id = d.needs
    WHERE d.task_id = p_task AND d.state IN ('open', 'unmet') ORDER BY d.state DESC, n.number LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    v_tree := v_first.id || CASE WHEN v_first.kind = 'tree' THEN tasks_below(ARRAY[v_first.id]) END;
    IF v_first.state = 'unmet' THEN
        v_retry := (SELECT min(number) FROM tasks WHERE id = ANY(v_tree) AND status IN ('failed', 'canceled'));
        RETURN format('%s: %s`llmctl release %s` to run it all the same', unmet_in_words(p_task),
            format('`llmctl retry %s`, or ', nullif(v_retry, CASE v_first.kind WHEN 'failed' THEN v_retry END)), p_number);
    END IF;
    RETURN CASE
        WHEN cardinality(v_tree) > 1 THEN format('waits for %s of the %s tasks of the tree of task %s',
            (SELECT count(*) FROM tasks WHERE id = ANY(v_tree) AND finished_at IS NULL), cardinality(v_tree), v_first.number)
        ELSE format('waits for task %s to %s (%s)', v_first.number,
            CASE v_first.kind WHEN 'ended' THEN 'end' WHEN 'failed' THEN 'fail' ELSE 'succeed' END, v_first.is_so)
    END || CASE WHEN v_first.others > 0 THEN format(', and %s more', v_first.others) ELSE '' END;
END
$$;
