-- API keep_pieces(dispatcher, run, path, …): makes an output file of the pieces that store_piece() took, and keeps it
-- as store_output() does. It may be repeated.
-- Raises what store_output() raises, and LD413 when the pieces are not that file: send them again. (A standby that
-- became the primary may lack some.)
CREATE OR REPLACE FUNCTION keep_pieces(
    p_dispatcher uuid, p_run uuid, p_path text, p_size_bytes bigint, p_sha256 text, p_mode integer
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_content bytea;
BEGIN
    IF EXISTS (
        SELECT FROM task_files WHERE run_id = p_run AND path = p_path AND size_bytes = p_size_bytes AND sha256 = p_sha256
    ) THEN
        RETURN;
    END IF;
    SELECT string_agg(content, '' ORDER BY starts_at) INTO v_content FROM run_pieces
    WHERE run_id = p_run AND name = p_path;
    IF encode(sha256(v_content), 'hex') IS DISTINCT FROM p_sha256 THEN
        RAISE EXCEPTION 'the pieces of % are not the whole file', quote_literal(p_path) USING ERRCODE = 'LD413';
    END IF;
    PERFORM store_output(p_dispatcher, p_run, p_path, v_content, NULL, p_size_bytes, p_sha256, p_mode);
    DELETE FROM run_pieces WHERE run_id = p_run AND name = p_path;
END
$$;
