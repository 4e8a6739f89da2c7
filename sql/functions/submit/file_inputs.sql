-- INTERNAL file_inputs(tasks, ids, created): stores the input files of the tasks that were created, see submit_tasks().
-- Raises data_exception for content that is not base64.
CREATE OR REPLACE FUNCTION file_inputs(p_tasks jsonb, p_ids uuid [], p_created boolean []) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF NOT p_tasks @? '$[*].input_files[*]' THEN
        RETURN;
    END IF;
    INSERT INTO task_files (task_id, path, is_input, content, size_bytes, sha256, mode)
    SELECT queued.id, file ->> 'path', true, content, octet_length(content),
        encode(sha256(content), 'hex'), coalesce((file ->> 'mode')::integer, 420)
    FROM jsonb_array_elements(p_tasks) WITH ORDINALITY AS given (task, position)
    JOIN unnest(p_ids, p_created) WITH ORDINALITY AS queued (id, created, position) USING (position),
        jsonb_array_elements(task -> 'input_files') AS file,
        coalesce(decode(file ->> 'content_base64', 'base64'), convert_to(file ->> 'content', 'UTF8')) AS content
    WHERE created AND jsonb_typeof(task -> 'input_files') = 'array';
END
$$;
