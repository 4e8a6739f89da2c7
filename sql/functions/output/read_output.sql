-- API read_output(task, run_no, stream, from): returns in order what a run printed on a stream ('stdout', 'stderr', 'setup',
-- 'check') from a position of its log on, as it was stored, some 1 MB at most. Whoever goes on at the last ends_at gets everything
-- once. No row means that nothing is left.
-- A crash of the server may lose the last pieces, which come again then, cut elsewhere. So a piece that begins before
-- `from` comes without what lies before. Only one in which secrets were masked comes whole.
-- Cost: the pieces behind `from` are passed from the end, so that it is cheap for whoever follows.
-- Raises LD404.
CREATE OR REPLACE FUNCTION read_output(p_task text, p_run_no integer, p_stream text, p_from bigint DEFAULT 0)
RETURNS TABLE (starts_at bigint, ends_at bigint, at timestamptz, content bytea)
LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_run uuid := (SELECT id FROM task_runs WHERE task_id = find_task(p_task) AND run_no = p_run_no);
    v_after bigint := 0;
BEGIN
    IF p_from > 0 THEN
        v_after := (
            SELECT seq FROM run_output WHERE run_id = v_run AND stream = p_stream AND ends_at <= p_from
            ORDER BY seq DESC LIMIT 1
        );
    END IF;
    RETURN QUERY
    SELECT CASE WHEN whole THEN starts_at ELSE p_from END, ends_at, at,
        CASE WHEN whole THEN content ELSE substring(content FROM (p_from - starts_at)::integer + 1) END
    FROM (
        SELECT seq, starts_at, ends_at, at, content,
            starts_at >= p_from OR octet_length(content) <> ends_at - starts_at AS whole,
            sum(ends_at - starts_at) OVER (ORDER BY seq) - (ends_at - starts_at) AS before
        FROM (
            SELECT * FROM run_output
            WHERE run_id = v_run AND stream = p_stream AND seq > coalesce(v_after, 0) ORDER BY seq LIMIT 500
        ) AS next
    ) AS summed
    WHERE before < 1000000 ORDER BY seq;
END
$$;
