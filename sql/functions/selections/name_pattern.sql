-- INTERNAL name_pattern(name): returns what LIKE takes for the name that a selection asks for, in small letters. With *
-- or ? in it, it is a pattern of the whole name; else a part of the name.
CREATE OR REPLACE FUNCTION name_pattern(p_name text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN p_name ~ '[*?]' THEN translate(literal, '*?', '%_') ELSE '%' || literal || '%' END
    FROM (SELECT regexp_replace(lower(p_name), '([\\%_])', '\\\1', 'g') AS literal) AS escaped
$$;
