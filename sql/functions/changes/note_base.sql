-- API note_base(dispatcher, run, source, base_commit): notes where a run found the repository of its task, and the commit
-- that all runs of the task begin with. What was noted first stays. Returns whether the run is still the dispatcher's.
-- Locks: dispatchers row, the task. Raises LD410 when the dispatcher is closed, LD400 for what is not a commit.
CREATE OR REPLACE FUNCTION note_base(p_dispatcher uuid, p_run uuid, p_source text, p_base_commit text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM require_open_dispatcher(p_dispatcher);
    IF p_base_commit !~ '^[0-9a-f]{40}([0-9a-f]{24})?$' THEN
        RAISE EXCEPTION '% is not a valid commit: expected 40 or 64 hexadecimal digits', quote_literal(p_base_commit)
            USING ERRCODE = 'LD400';
    END IF;
    UPDATE tasks SET source = p_source, base_commit = p_base_commit, updated_at = clock()
    WHERE id = (SELECT task_id FROM task_runs WHERE task_runs.id = p_run) AND run_id = p_run
        AND leased_by = p_dispatcher AND base_commit IS NULL;
    RETURN FOUND OR EXISTS (
        SELECT FROM tasks
        WHERE id = (SELECT task_id FROM task_runs WHERE task_runs.id = p_run) AND run_id = p_run
            AND leased_by = p_dispatcher
    );
END
$$;
