-- INTERNAL refuse_missing(number, run, what, no_repository): raises LD424 for what a task should have left for another one, and
-- which is not there.
CREATE OR REPLACE FUNCTION refuse_missing(p_number bigint, p_run uuid, p_what text, p_no_repository boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_files text := (SELECT string_agg(path, ', ' ORDER BY path) FROM (
        SELECT path FROM task_files WHERE run_id = p_run ORDER BY path LIMIT 20) AS first_ones);
BEGIN
    RAISE EXCEPTION 'task % left no %: %', p_number, p_what, CASE
        WHEN p_no_repository THEN 'it worked in no repository'
        ELSE coalesce('its files are ' || v_files, 'it left no files')
    END USING ERRCODE = 'LD424', HINT = 'name what it is to leave with --output';
END
$$;
