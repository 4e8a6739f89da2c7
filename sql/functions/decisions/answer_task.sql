-- API answer_task(task, answer): answers the question of a task's agent. The task is ready again, and its next run is
-- told question and answer; in the session that asked, if that can go on. Who answered is kept in task_decisions.
--   SELECT answer_task('12', 'use the second');
-- Locks: the task. Raises LD404, LD409 when the task asks nothing, and LD400 for an answer that is empty or above
-- 20,000 bytes: it travels with a claim.
CREATE OR REPLACE FUNCTION answer_task(p_task text, p_answer text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_task tasks;
BEGIN
    IF coalesce(p_answer, '') !~ '[^[:space:]]' THEN
        RAISE EXCEPTION 'the answer is empty' USING ERRCODE = 'LD400';
    ELSIF octet_length(p_answer) > 20000 THEN
        RAISE EXCEPTION 'the answer must be at most 20,000 bytes long' USING ERRCODE = 'LD400';
    END IF;
    SELECT * INTO v_task FROM tasks WHERE id = find_task(p_task) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no task %', p_task USING ERRCODE = 'LD404';
    END IF;
    IF v_task.try_set IS NOT NULL THEN
        PERFORM bound_transaction();  -- reports of the other tries need it
    END IF;
    PERFORM require_allowed('answer', v_task.id);
    PERFORM note_decisions('answered', ARRAY[v_task.id], p_answer);
    UPDATE tasks SET wait_reason = NULL, question = NULL, follow_up_told = false, updated_at = clock(),
        follow_up = concat('You asked:', e'\n', left(question, 10000), e'\n\n', 'The answer:', e'\n', p_answer)
    WHERE id = v_task.id;
END
$$;
