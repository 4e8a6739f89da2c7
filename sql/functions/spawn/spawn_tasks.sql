-- INTERNAL spawn_tasks(task, rows): submits what the agent of a task wrote down, as children of the task.
-- `rows` is [{"line": 1, "task": {…}}], each task as submit_tasks() takes it, with the keys that spawnable_keys() lists. What a row leaves out
-- a child has from its parent: see inherited_settings(). Its tenant is that of the parent. It begins with the commit that
-- the parent began with. That none is spawned twice is certain since the run or the draft ends in the same transaction. A
-- child has no idempotency key: a producer that used the same one in an open transaction would be waited for.
-- The caller holds the task, and its tree's row: two that spawn at once never pass a cap together.
-- Raises LD400 with the line for a row that is not allowed or not valid, LD429 when a cap of the tree would be passed, and
-- what submit_tasks() raises.
CREATE OR REPLACE FUNCTION spawn_tasks(p_task uuid, p_rows jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_count integer := jsonb_array_length(p_rows);
    v_file text := (SELECT spawns FROM tasks WHERE id = p_task);
    v_tasks jsonb := children_as_tasks(p_task, p_rows);
    v_ids uuid [];
BEGIN
    IF v_count = 0 THEN
        RETURN;
    END IF;
    PERFORM require_room_in_tree(p_task, v_count);
    PERFORM require_spawnable(p_task, p_rows);
    BEGIN
        v_ids := ARRAY(SELECT id FROM submit_tasks(v_tasks) ORDER BY ordinal);
    EXCEPTION WHEN SQLSTATE 'LD400' OR SQLSTATE 'LD404' THEN
        RAISE EXCEPTION '%: %', v_file, sqlerrm USING ERRCODE = 'LD400';
    END;
    UPDATE tasks SET parent = p_task, tree = p.tree, source = p.source, base_commit = p.base_commit,
        spawns = row_of.task ->> 'spawns'
    FROM (SELECT tree, source, base_commit FROM tasks WHERE id = p_task) AS p,
        unnest(v_ids) WITH ORDINALITY AS child (id, place)
    JOIN (
        SELECT place, listed -> 'task' AS task FROM jsonb_array_elements(p_rows) WITH ORDINALITY AS given (listed, place)
    ) AS row_of USING (place)
    WHERE tasks.id = child.id AND tasks.id = ANY(v_ids);
    UPDATE task_trees SET tasks = tasks + v_count WHERE root = (SELECT tree FROM tasks WHERE id = p_task);
END
$$;
