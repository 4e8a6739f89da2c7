-- INTERNAL marked_piece(mark, title, shown, shown_bytes, size_bytes, note, hint): returns a piece of a prompt between two lines
-- with a mark. `note` takes the place of the text. What is cut off is said at the end, with what gives it whole.
CREATE OR REPLACE FUNCTION marked_piece(
    p_mark text, p_title text, p_shown text, p_shown_bytes bigint, p_size_bytes bigint, p_note text, p_hint text
) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT concat(e'\n<<<', p_mark, ' ', p_title, e'\n', CASE
        WHEN p_note IS NOT NULL THEN p_note
        WHEN p_shown IS NULL
            THEN format('no text: %s bytes that are not UTF-8%s', p_size_bytes, '; ' || p_hint || ' gives it whole')
        WHEN p_shown_bytes < p_size_bytes THEN concat(
            p_shown, format(e'\ncut off: %s of %s MB', round(p_shown_bytes / 1e6, 1), round(p_size_bytes / 1e6, 1)),
            '; ' || p_hint || ' gives it whole')
        ELSE p_shown
    END, e'\n', p_mark, e'>>>\n')
$$;
