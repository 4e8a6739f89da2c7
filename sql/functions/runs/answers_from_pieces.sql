-- INTERNAL answers_from_pieces(reports, runs): returns the reports, with the answers that store_piece() took for these
-- runs; such a report has answer_bytes instead of final_text. Only end_runs() calls this.
-- Raises LD413 when the pieces are not all of an answer.
CREATE OR REPLACE FUNCTION answers_from_pieces(p_reports jsonb, p_runs uuid []) RETURNS jsonb
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_report jsonb;
    v_answer bytea;
    v_reports jsonb := '[]';
BEGIN
    FOR v_report IN SELECT report FROM jsonb_array_elements(p_reports) AS report LOOP
        IF v_report ? 'answer_bytes' AND (v_report ->> 'run_id')::uuid = ANY(p_runs) THEN
            SELECT string_agg(content, '' ORDER BY starts_at) INTO v_answer FROM run_pieces
            WHERE run_id = (v_report ->> 'run_id')::uuid AND name = '';
            IF octet_length(v_answer) IS DISTINCT FROM (v_report ->> 'answer_bytes')::bigint THEN
                RAISE EXCEPTION 'the pieces are not the whole answer' USING ERRCODE = 'LD413';
            END IF;
            v_report := v_report || jsonb_build_object('final_text', convert_from(v_answer, 'UTF8'));
        END IF;
        v_reports := v_reports || v_report;
    END LOOP;
    RETURN v_reports;
END
$$;
