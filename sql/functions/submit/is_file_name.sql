-- INTERNAL is_file_name(path): returns whether a path names a file below a task's work directory and nothing else:
-- relative, normalised, no "..", no control bytes, no backslash, no part longer than a file system takes (255 bytes).
CREATE OR REPLACE FUNCTION is_file_name(p_path text) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(
        octet_length(p_path) BETWEEN 1 AND 1024
        AND p_path !~ '[[:cntrl:]\\]'
        AND p_path !~ '(^|/)(\.{0,2})(/|$)'
        AND (SELECT max(octet_length(part)) FROM unnest(string_to_array(p_path, '/')) AS part) <= 255,
        false)
$$;
