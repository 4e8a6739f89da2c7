-- INTERNAL checked_reports(reports, run_ids): returns the reports with each run once: if a run is listed twice, its
-- first report counts. Only end_runs() calls this.
-- Raises LD400 for an unknown error class.
CREATE OR REPLACE FUNCTION checked_reports(p_reports jsonb, p_run_ids uuid []) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_unknown text;
BEGIN
    IF p_reports @? '$[*].error_class ? (@ != null)' THEN
        SELECT min(class #>> '{}') INTO v_unknown FROM jsonb_path_query(p_reports, '$[*].error_class') AS class
        WHERE class #>> '{}' NOT IN (SELECT name FROM error_classes);
        IF v_unknown IS NOT NULL THEN
            RAISE EXCEPTION 'unknown error class %', quote_literal(v_unknown) USING ERRCODE = 'LD400';
        END IF;
    END IF;
    IF (SELECT count(*) > count(DISTINCT run) FROM unnest(p_run_ids) AS run) THEN
        SELECT jsonb_agg(report) INTO p_reports
        FROM (
            SELECT DISTINCT ON ((report ->> 'run_id')::uuid) report
            FROM jsonb_array_elements(p_reports) WITH ORDINALITY AS listed (report, position)
            ORDER BY (report ->> 'run_id')::uuid, position
        ) AS first_reports;
    END IF;
    RETURN p_reports;
END
$$;
