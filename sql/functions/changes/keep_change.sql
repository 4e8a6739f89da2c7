-- API keep_change(dispatcher, run, change): stores what was recorded of a run after its end, as of one that was given up
-- as lost and whose directory was found by whoever holds the work directory now. `change` is as in a report, see
-- end_runs(). What was recorded before stays. A task that failed because nothing could be recorded says so no longer,
-- but where the work is. Returns whether the run has ended and belongs to that work directory.
-- Locks: dispatchers row; task. Raises LD410 when the dispatcher is closed.
CREATE OR REPLACE FUNCTION keep_change(p_dispatcher uuid, p_run uuid, p_change jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_dispatcher dispatchers := require_open_dispatcher(p_dispatcher);
    v_ref text := p_change ->> 'ref';
    v_now text := 'what the agent changed could not be recorded when it ended; since then it is recorded as ' || v_ref;
BEGIN
    IF NOT EXISTS (
        SELECT FROM task_runs WHERE id = p_run AND work_dir_id = v_dispatcher.work_dir_id AND status <> 'running'
    ) THEN
        RETURN false;
    END IF;
    IF v_ref IS NOT NULL AND p_change ->> 'kept_in' IS NULL THEN
        UPDATE tasks SET error_message = v_now WHERE run_id = p_run AND error_class = 'not_recorded';
        UPDATE task_runs SET error_message = v_now WHERE id = p_run AND error_class = 'not_recorded';
    END IF;
    DELETE FROM run_changes WHERE run_id = p_run AND ref IS NULL;
    INSERT INTO run_changes SELECT made.* FROM change_of(p_run, p_change) AS made ON CONFLICT (run_id) DO NOTHING;
    RETURN true;
END
$$;
