-- INTERNAL what_is_left(task, number, kind, path): returns what a task left for another one: of kind result its answer, of
-- kind patch its change, of kind file the file `path` that its last run wrote. `content` is null for a file that is kept
-- outside of the database. If there can be nothing, since it did not succeed or changed nothing, `note` says so in a sentence.
-- Raises LD424 if the task succeeded, but what it should have left is not there, or the task itself is not (`task` is null).
CREATE OR REPLACE FUNCTION what_is_left(
    p_task uuid, p_name text, p_kind text, p_path text,
    OUT title text, OUT content bytea, OUT size_bytes bigint, OUT note text
)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_task record;
    v_what text := coalesce(p_path, p_kind);
    v_file record;
BEGIN
    SELECT number, name, status, error_class, error_message, run_id, repository,
        CASE p_kind WHEN 'result' THEN result ->> 'text' END AS answer
    INTO v_task FROM tasks WHERE id = p_task;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'task %, whose % is needed, has been deleted', p_name, v_what USING ERRCODE = 'LD424';
    END IF;
    title := regexp_replace(
        format('%s of task %s%s', v_what, v_task.number, ' “' || left(v_task.name, 200) || '”'),
        U&'[[:cntrl:]\0085\2028\2029]+', ' ', 'g');
    IF v_task.status <> 'succeeded' THEN
        note := format('task %s %s, so it has no %s', v_task.number, CASE
            WHEN v_task.status = 'failed' THEN 'failed' || coalesce(' (' || left(v_task.error_message, 1000) || ')', '')
            WHEN v_task.error_class = 'skipped' THEN 'was skipped'
            WHEN v_task.status = 'canceled' THEN 'was canceled'
            ELSE 'has not ended'
        END, v_what);
        RETURN;
    ELSIF p_kind = 'result' THEN
        content := convert_to(coalesce(v_task.answer, ''), 'UTF8');
        size_bytes := octet_length(content);
        RETURN;
    END IF;
    SELECT f.content, f.size_bytes INTO v_file FROM task_files AS f
    WHERE f.run_id = v_task.run_id AND f.path = CASE p_kind WHEN 'patch' THEN '.llmctl/changes.patch' ELSE p_path END;
    content := v_file.content;
    size_bytes := v_file.size_bytes;
    IF size_bytes IS NULL AND p_kind = 'patch' AND v_task.repository IS NOT NULL
        AND NOT EXISTS (SELECT FROM run_changes WHERE run_id = v_task.run_id AND files > 0)
    THEN
        note := format('task %s changed nothing', v_task.number);
    ELSIF size_bytes IS NULL THEN
        PERFORM refuse_missing(v_task.number, v_task.run_id, v_what, v_task.repository IS NULL AND p_kind = 'patch');
    END IF;
END
$$;
