-- INTERNAL change_of(run, change): returns the row of run_changes for what a report says of a run's change. Kept are the
-- first 500 files, since the repository has all of them.
CREATE OR REPLACE FUNCTION change_of(p_run uuid, p_change jsonb) RETURNS run_changes
LANGUAGE sql IMMUTABLE
AS $$
    SELECT p_run, source, base_commit, ref, head_commit, coalesce(files, 0), coalesce(insertions, 0),
        coalesce(deletions, 0), coalesce(jsonb_path_query_array(stat, '$[0 to 499]'), '[]'), left(problem, 10000),
        kept_in
    FROM jsonb_to_record(p_change) AS given (
        source text, base_commit text, ref text, head_commit text, files integer, insertions bigint, deletions bigint,
        stat jsonb, problem text, kept_in text
    )
$$;
