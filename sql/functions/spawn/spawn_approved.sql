-- INTERNAL spawn_approved(tasks): spawns what the last runs of these tasks left as drafts. The caller holds the tasks,
-- which are approved now, and writes their end afterwards.
-- Locks: trees by root, then the tasks that are named (share mode).
-- Raises LD409 when a draft cannot be spawned any more.
CREATE OR REPLACE FUNCTION spawn_approved(p_ids uuid []) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    v_draft record;
BEGIN
    IF NOT EXISTS (SELECT FROM spawn_drafts WHERE task_id = ANY(p_ids)) THEN
        RETURN;
    END IF;
    PERFORM bound_transaction();
    PERFORM FROM task_trees WHERE root = ANY(ARRAY(SELECT tree FROM tasks WHERE id = ANY(p_ids))) ORDER BY root
    FOR NO KEY UPDATE;
    FOR v_draft IN
        DELETE FROM spawn_drafts USING tasks
        WHERE task_id = ANY(p_ids) AND tasks.id = task_id AND tasks.id = ANY(p_ids)
        RETURNING task_id, number, spawn_drafts.run_id, spawn_drafts.tasks, tasks.run_id AS last_run
    LOOP
        CONTINUE WHEN v_draft.run_id <> v_draft.last_run;
        BEGIN
            PERFORM spawn_tasks(v_draft.task_id, v_draft.tasks);
        EXCEPTION WHEN SQLSTATE 'LD400' OR SQLSTATE 'LD404' OR SQLSTATE 'LD429' THEN
            RAISE EXCEPTION 'what task % spawns is refused: %', v_draft.number, sqlerrm
                USING ERRCODE = 'LD409', HINT = format('`llmctl deny %s`, and retry it', v_draft.number);
        END;
    END LOOP;
END
$$;
