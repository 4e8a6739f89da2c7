-- API adopt_runs(dispatcher): gives the new holder of a work directory the open runs of all earlier holders, and
-- returns the first of them like open_runs(), which returns the others. Those dispatchers are closed: whatever they
-- still write is refused from now on.
-- Only the holder of the directory's lock may call this. The lock proves that they are dead; their lease does not.
-- Locks: the dispatchers by id, then tasks by id. Raises LD410 when the dispatcher itself is closed.
CREATE OR REPLACE FUNCTION adopt_runs(p_dispatcher uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_me dispatchers;
    v_former uuid [];
BEGIN
    PERFORM FROM dispatchers
    WHERE work_dir_id = (SELECT work_dir_id FROM dispatchers WHERE id = p_dispatcher)
    ORDER BY id FOR UPDATE;
    v_me := require_open_dispatcher(p_dispatcher);
    v_former := ARRAY(
        SELECT id FROM dispatchers WHERE work_dir_id = v_me.work_dir_id AND id <> p_dispatcher
    );
    UPDATE dispatchers SET closed = true, lease_expires_at = least(lease_expires_at, clock())
    WHERE id = ANY(v_former) AND NOT closed;
    PERFORM FROM tasks WHERE leased_by = ANY(v_former) AND status IN ('leased', 'running') ORDER BY id FOR UPDATE;
    WITH taken AS (
        UPDATE tasks SET leased_by = p_dispatcher, updated_at = clock()
        WHERE leased_by = ANY(v_former) AND status IN ('leased', 'running')
        RETURNING run_id
    )
    UPDATE task_runs SET dispatcher_id = p_dispatcher FROM taken WHERE task_runs.id = taken.run_id;
    RETURN open_runs(p_dispatcher);
END
$$;
