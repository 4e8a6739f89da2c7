-- INTERNAL refusal_of_spawn(task, run, rows, is_draft): does what spawn_tasks() does, and returns what is wrong as a
-- sentence; null if they are spawned. Then a draft is only kept: approve_tasks() spawns it. Only spawned_reports() calls
-- this.
CREATE OR REPLACE FUNCTION refusal_of_spawn(p_task uuid, p_run uuid, p_rows jsonb, p_is_draft boolean) RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_tried CONSTANT text := 'LD000';
BEGIN
    BEGIN
        PERFORM spawn_tasks(p_task, p_rows);
        IF p_is_draft THEN
            RAISE EXCEPTION USING ERRCODE = c_tried;
        END IF;
    EXCEPTION WHEN SQLSTATE 'LD400' OR SQLSTATE 'LD404' OR SQLSTATE 'LD429' THEN
        RETURN sqlerrm;
    WHEN SQLSTATE 'LD000' THEN
        INSERT INTO spawn_drafts (task_id, run_id, tasks) VALUES (p_task, p_run, p_rows)
        ON CONFLICT (task_id) DO UPDATE SET run_id = excluded.run_id, tasks = excluded.tasks;
    END;
    RETURN NULL;
END
$$;
