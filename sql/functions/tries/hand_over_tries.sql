-- INTERNAL hand_over_tries(judge, numbers): makes what these tries left input files of their judge, in place of what it had
-- of tries before: see prepare_judge(), which alone calls this.
CREATE OR REPLACE FUNCTION hand_over_tries(p_judge uuid, p_numbers bigint []) RETURNS void
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    c_most CONSTANT integer := 1048576;
BEGIN
    DELETE FROM task_files WHERE task_id = p_judge AND is_input AND path ~ '^tries/[0-9]+\.(txt|patch)$';
    WITH tries AS MATERIALIZED (
        SELECT t.number, t.tool, t.model, t.result ->> 'text' AS answer, patch.content, patch.size_bytes
        FROM tasks AS t
        LEFT JOIN task_files AS patch ON patch.run_id = t.run_id AND patch.path = '.llmctl/changes.patch'
        WHERE t.number = ANY(p_numbers)
    ), files AS (
        SELECT format('tries/%s.patch', number) AS path, substring(content FOR c_most) AS content FROM tries
        WHERE content IS NOT NULL
        UNION ALL
        SELECT format('tries/%s.txt', number), convert_to(concat(
            format('Task %s, by %s', number, concat_ws(' ', tool, model)), e'.\n',
            CASE
                WHEN content IS NULL AND size_bytes IS NOT NULL
                    THEN format(e'Its change is left out: the patch has %s bytes.\n', size_bytes)
                WHEN size_bytes > c_most
                    THEN format(e'Its change is cut off: the patch has %s bytes.\n', size_bytes)
            END, e'\n', left(answer, c_most)), 'UTF8')
        FROM tries
    )
    INSERT INTO task_files (task_id, path, is_input, content, size_bytes, sha256)
    SELECT p_judge, path, true, content, octet_length(content), encode(sha256(content), 'hex') FROM files;
END
$$;
