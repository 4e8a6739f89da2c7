-- API read_output(task, run_no, stream, after): returns in order what a run printed on a stream ('stdout', 'stderr'),
-- as it was stored: what follows the piece with the number `after`, some 1 MB at most. No row means that nothing is
-- left.
-- Raises LD404.
CREATE OR REPLACE FUNCTION read_output(p_task text, p_run_no integer, p_stream text, p_after bigint DEFAULT 0)
RETURNS TABLE (seq bigint, at timestamptz, content bytea)
LANGUAGE sql STABLE
AS $$
    SELECT seq, at, content
    FROM (
        SELECT seq, at, content, sum(size) OVER (ORDER BY seq) - size AS before
        FROM (
            SELECT seq, at, content, ends_at - starts_at AS size FROM run_output
            WHERE run_id = (SELECT id FROM task_runs WHERE task_id = find_task(p_task) AND run_no = p_run_no)
                AND stream = p_stream AND seq > p_after
            ORDER BY seq LIMIT 500
        ) AS next
    ) AS summed
    WHERE before < 1000000 ORDER BY seq
$$;
