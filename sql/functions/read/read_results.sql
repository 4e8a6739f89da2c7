-- API read_results(tasks): returns what came of the tasks that are named, with their answers, lowest number first: as
-- many as have 16 MB of answers together, and at least one. Callers ask again for the others. why says why a task that
-- is queued does not run. Raises LD404.
CREATE OR REPLACE FUNCTION read_results(p_tasks text [])
RETURNS TABLE (
    number bigint, id uuid, name text, status text, why text, error_class text, error_message text, result jsonb, title text
)
LANGUAGE sql STABLE
AS $$
    WITH asked AS MATERIALIZED (
        SELECT t.number, t.id, t.name, t.title, t.status, t.error_class, t.error_message, t.result,
            coalesce(sum(pg_column_size(t.result)) OVER (
                ORDER BY t.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0) AS bytes_before
        FROM (SELECT DISTINCT find_task(task) AS id FROM unnest(p_tasks) AS task) AS named JOIN tasks AS t USING (id)
    )
    SELECT number, id, name, status, reasons.why, error_class, error_message, result, title
    FROM asked LEFT JOIN reasons_to_wait(ARRAY(SELECT number FROM asked)) AS reasons USING (number)
    WHERE bytes_before < 16000000
    ORDER BY number
$$;
