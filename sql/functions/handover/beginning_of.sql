-- INTERNAL beginning_of(content, most): returns the text of the first `most` bytes of a content in UTF-8, less a character
-- that is cut there; null if they are no text.
CREATE OR REPLACE FUNCTION beginning_of(p_content bytea, p_most bigint) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_end integer := least(octet_length(p_content), p_most);
BEGIN
    IF v_end < octet_length(p_content) THEN
        FOR step IN 1 .. 3 LOOP
            EXIT WHEN v_end = 0 OR get_byte(p_content, v_end) & 192 <> 128;
            v_end := v_end - 1;
        END LOOP;
    END IF;
    RETURN convert_from(substring(p_content FOR v_end), 'UTF8');
EXCEPTION WHEN character_not_in_repertoire THEN
    RETURN NULL;
END
$$;
