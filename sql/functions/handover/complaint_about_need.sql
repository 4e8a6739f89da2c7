-- INTERNAL complaint_about_need(task, kind, path): returns why a task can never leave what another one is to be given of it,
-- see what_is_left(): it does not say that it writes this file, or has no repository. Null if it can.
CREATE OR REPLACE FUNCTION complaint_about_need(p_task uuid, p_kind text, p_path text) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN (p_kind = 'patch' OR p_path = '.llmctl/changes.patch') THEN CASE
            WHEN repository IS NULL THEN format('task %s leaves no patch: it works in no repository', number)
        END
        WHEN p_kind = 'file' AND NOT output_files ? p_path AND p_path IS DISTINCT FROM spawns THEN format(
            'task %s leaves no %s: %s; name what it is to leave with --output', number, p_path, coalesce(
                'its output files are ' || (SELECT string_agg(file, ', ') FROM jsonb_array_elements_text(output_files) AS file),
                'it has no output files'))
    END
    FROM tasks WHERE id = p_task
$$;
