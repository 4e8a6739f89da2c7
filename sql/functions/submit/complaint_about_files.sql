-- INTERNAL complaint_about_files(kind, files): returns what is wrong with the input files or the output files of a
-- task, as the rest of a sentence that begins with the key; null when nothing is wrong. It is a part of
-- complaint_about().
CREATE OR REPLACE FUNCTION complaint_about_files(p_kind text, p_files jsonb) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    WITH files AS (
        SELECT file, CASE p_kind WHEN 'input files' THEN file ->> 'path' ELSE file #>> '{}' END AS path,
            jsonb_typeof(CASE p_kind WHEN 'input files' THEN file -> 'path' ELSE file END) AS path_type
        FROM jsonb_array_elements(CASE jsonb_typeof(p_files) WHEN 'array' THEN p_files ELSE '[]' END) AS file
    ), bad_names AS (
        SELECT path FROM files WHERE path_type IS DISTINCT FROM 'string' OR NOT is_file_name(path)
    )
    SELECT CASE
        WHEN jsonb_typeof(p_files) <> 'array' AND p_kind = 'output files' THEN 'must be a list of file names'
        WHEN jsonb_typeof(p_files) <> 'array'
            THEN 'must be a list of objects with path and content (or content_base64)'
        WHEN jsonb_array_length(p_files) > 1000 THEN 'must name at most 1,000 files'
        WHEN EXISTS (SELECT FROM bad_names) THEN
            'holds a name that is not allowed: ' || (SELECT coalesce(quote_literal(min(path)), 'none') FROM bad_names)
            || '; name a file below the work directory, without "..", leading "/" or control bytes'
        WHEN (SELECT count(*) > count(DISTINCT path) FROM files) THEN 'names a file twice'
        WHEN p_kind = 'input files' THEN (
            SELECT min(CASE
                WHEN (file ->> 'content' IS NULL) = (file ->> 'content_base64' IS NULL)
                    THEN 'must give ' || quote_literal(path) || ' either content or content_base64'
                WHEN jsonb_typeof(coalesce(nullif(file -> 'content', 'null'), file -> 'content_base64')) <> 'string'
                    THEN 'must give ' || quote_literal(path) || ' its content as text'
                WHEN file ->> 'mode' !~ '^[0-9]{1,3}$' OR (file ->> 'mode')::integer > 511
                    THEN 'must give ' || quote_literal(path) || ' a mode from 0 to 511 (0o777)'
                WHEN file - ARRAY['path', 'content', 'content_base64', 'mode'] <> '{}'
                    THEN 'must describe a file by path, content or content_base64, and mode alone'
            END) FROM files
        )
    END
$$;
