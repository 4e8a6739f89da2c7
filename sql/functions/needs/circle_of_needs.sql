-- INTERNAL circle_of_needs(from, to, count): the tasks of a batch have the places 1 to count, and each at the place in
-- `from` comes after the one at the same place in `to`. Returns the places of a circle, the first of them again at its end;
-- null if there is none. Cost: that of the places and pairs.
CREATE OR REPLACE FUNCTION circle_of_needs(p_from integer [], p_to integer [], p_count integer) RETURNS integer []
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_to integer [] := ARRAY(SELECT b FROM unnest(p_from, p_to) AS pair (a, b) ORDER BY a, b);
    v_from integer [] := ARRAY(SELECT a FROM unnest(p_from, p_to) AS pair (a, b) ORDER BY a, b);
    -- Of each place: the pair to look at next, and whether it is on the path (1) or done (2).
    v_next integer [] := array_fill(NULL::integer, ARRAY[p_count]);
    v_seen integer [] := array_fill(0, ARRAY[p_count]);
    v_path integer [];
    v_at integer;
    v_depth integer;
    v_target integer;
BEGIN
    FOR i IN REVERSE cardinality(v_from) .. 1 LOOP
        v_next[v_from[i]] := i;
    END LOOP;
    v_path := array_fill(0, ARRAY[p_count]);
    FOR start IN 1 .. p_count LOOP
        CONTINUE WHEN v_seen[start] <> 0;
        v_depth := 1;
        v_path[1] := start;
        v_seen[start] := 1;
        WHILE v_depth > 0 LOOP
            v_at := v_path[v_depth];
            IF v_next[v_at] IS NULL OR v_next[v_at] > cardinality(v_from) OR v_from[v_next[v_at]] <> v_at THEN
                v_seen[v_at] := 2;
                v_depth := v_depth - 1;
                CONTINUE;
            END IF;
            v_target := v_to[v_next[v_at]];
            v_next[v_at] := v_next[v_at] + 1;
            IF v_seen[v_target] = 1 THEN
                RETURN v_path[array_position(v_path, v_target):v_depth] || v_target;
            ELSIF v_seen[v_target] = 0 THEN
                v_depth := v_depth + 1;
                v_path[v_depth] := v_target;
                v_seen[v_target] := 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN NULL;
END
$$;
