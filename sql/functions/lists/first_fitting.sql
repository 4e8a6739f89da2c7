-- INTERNAL first_fitting(selection, before, limit, up): returns the numbers of the first tasks below `before` that are
-- selected, highest first, and where the next page begins: null at the end. With `up` the walk begins at the other end.
-- Cost: at most 10,000 candidates, however few of them fit. Then the page is short, or empty, and the next one goes
-- on.
CREATE OR REPLACE FUNCTION first_fitting(
    p_selection task_selection, p_before bigint, p_limit integer, p_up boolean DEFAULT false,
    OUT numbers bigint [], OUT next bigint
)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    c_most CONSTANT integer := 10000;
    v_way record;
    v_from bigint := (p_selection).first_number;
    v_before bigint := least(p_before, (p_selection).end_number, 9223372036854775807);
    v_chunk integer := p_limit + 1;
    v_looked_at integer := 0;
    v_candidates bigint [];
BEGIN
    v_way := way_to_walk(p_selection, v_before, p_up);
    numbers := '{}';
    LOOP
        v_candidates := ARRAY(
            SELECT candidate_tasks(p_selection, v_way.way, v_way.keys, v_from, v_before, p_up, v_chunk)
        );
        -- One more than the page holds says whether there is a next page.
        numbers := numbers || ARRAY(
            SELECT number FROM tasks AS t WHERE number = ANY(v_candidates) AND task_fits(t, p_selection)
            ORDER BY CASE WHEN p_up THEN number ELSE -number END LIMIT p_limit + 1 - cardinality(numbers)
        );
        IF cardinality(numbers) > p_limit THEN
            numbers := numbers[:p_limit];
            next := numbers[p_limit];
            RETURN;
        END IF;
        IF cardinality(v_candidates) < v_chunk THEN
            RETURN;
        END IF;
        next := v_candidates[v_chunk];
        IF p_up THEN
            v_from := next + 1;
        ELSE
            v_before := next;
        END IF;
        v_looked_at := v_looked_at + v_chunk;
        IF v_looked_at >= c_most THEN
            RETURN;
        END IF;
        next := NULL;
        -- As many as are likely to fill the page, and half as many again; but where few have fitted, four times as many.
        v_chunk := least(
            greatest(4 * v_chunk, 400), c_most - v_looked_at,
            10 + 3 * v_looked_at * (p_limit + 1 - cardinality(numbers)) / (2 * nullif(cardinality(numbers), 0)));
    END LOOP;
END
$$;
