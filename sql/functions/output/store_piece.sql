-- API store_piece(dispatcher, run, name, starts_at, content, total): takes a piece of a file for keep_pieces(), or,
-- with the name '', of the answer for end_runs(). Pieces are sent in order. A piece replaces what was stored from its
-- position on, so anything may be sent again, cut in any way. The run's activity shows how many of `total` bytes are
-- there.
-- Locks: those of note_transfer(). Raises what that raises, and LD400 for a bad name.
CREATE OR REPLACE FUNCTION store_piece(
    p_dispatcher uuid, p_run uuid, p_name text, p_starts_at bigint, p_content bytea, p_total bigint
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF p_name <> '' AND NOT is_file_name(p_name) THEN
        RAISE EXCEPTION 'output file % is not allowed', quote_literal(p_name) USING ERRCODE = 'LD400';
    END IF;
    PERFORM note_transfer(
        p_dispatcher, p_run, 'storing ' || coalesce(nullif(p_name, ''), 'the answer'),
        p_starts_at + octet_length(p_content), p_total);
    DELETE FROM run_pieces WHERE run_id = p_run AND name = p_name AND starts_at >= p_starts_at;
    INSERT INTO run_pieces (run_id, name, starts_at, content) VALUES (p_run, p_name, p_starts_at, p_content);
END
$$;
