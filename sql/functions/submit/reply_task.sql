-- API reply_task(task, prompt, ...): queues a task that continues the session of one that has ended, with its settings
-- and the same account, in the same directory: so what it changes counts from the same commit. Arguments replace what
-- that task had.
--   SELECT * FROM reply_task('812', 'Now write the tests');
-- Locks: the task that has ended, then the session, so that two replies are not queued at once.
-- Raises LD404; LD409 when it has not ended, has no session, or has a reply that has not ended; LD400 for bad input.
CREATE OR REPLACE FUNCTION reply_task(
    p_task text, p_prompt text, p_name text DEFAULT NULL, p_priority integer DEFAULT NULL,
    p_timeout_s integer DEFAULT NULL, p_permission text DEFAULT NULL, p_output_files jsonb DEFAULT NULL,
    p_idempotency_key text DEFAULT NULL
)
RETURNS TABLE (id uuid, number bigint, status text, created boolean, same boolean)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_task tasks;
    v_run record;
    v_reply record;
    v_account text;
    v_open bigint;
BEGIN
    SELECT * INTO v_task FROM tasks WHERE tasks.id = find_task(p_task) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no task %', p_task USING ERRCODE = 'LD404';
    END IF;
    IF v_task.try_set IS NOT NULL THEN
        PERFORM bound_transaction();  -- reports of the other tries need it
    END IF;
    IF v_task.status NOT IN ('succeeded', 'failed', 'canceled') THEN
        RAISE EXCEPTION 'task % is %: only a task that has ended can be replied to', v_task.number, state_word(v_task.status)
            USING ERRCODE = 'LD409';
    END IF;
    SELECT * INTO v_run FROM last_session(v_task.id);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'task % has no session that could go on', v_task.number USING ERRCODE = 'LD409',
            HINT = 'submit a new task';
    END IF;
    SELECT account_name INTO v_account FROM worker_groups WHERE group_name = v_run.group_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the worker group % of task % is not there any more', quote_literal(v_run.group_name),
            v_task.number USING ERRCODE = 'LD409';
    END IF;
    v_open := busy_in_session(v_run.id, p_idempotency_key);
    IF v_open IS NOT NULL THEN
        RAISE EXCEPTION 'task % has a reply that has not ended: task %', v_task.number, v_open USING ERRCODE = 'LD409',
            HINT = format('wait for it, and reply to it: `llmctl reply %s PROMPT`', v_open);
    END IF;

    SELECT * INTO v_reply FROM submit_tasks(jsonb_build_array(settings_of(v_task.id)
        || jsonb_strip_nulls(jsonb_build_object(
            'name', p_name, 'priority', p_priority, 'timeout_s', p_timeout_s, 'permission', p_permission))
        || jsonb_build_object('prompt', p_prompt, 'account', v_account, 'output_files', p_output_files,
            'idempotency_key', p_idempotency_key)));
    IF v_reply.created THEN
        UPDATE tasks SET continues = v_run.id, source = v_task.source, base_commit = v_task.base_commit
        WHERE tasks.id = v_reply.id;
    END IF;
    RETURN QUERY SELECT v_reply.id, v_reply.number, v_reply.status, v_reply.created, v_reply.same;
END
$$;
