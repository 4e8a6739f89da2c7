-- INTERNAL result_to_approve(run): returns what a run made, as a person asks who may approve of it: "3 files (+12 −4)",
-- "no change", or "its answer" for a task without a repository.
CREATE OR REPLACE FUNCTION result_to_approve(p_run uuid) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT coalesce((
        SELECT CASE files
            WHEN 0 THEN 'no change'
            ELSE format('%s file%s (+%s −%s)', files, CASE WHEN files > 1 THEN 's' END, insertions, deletions)
        END
        FROM run_changes WHERE run_id = p_run
    ), 'its answer')
$$;
