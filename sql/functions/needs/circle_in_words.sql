-- INTERNAL circle_in_words(tasks, ids, places, needs): returns a circle in what the tasks of a batch need of each other, as
-- people read it: "build after test after build"; null if there is none. Only file_needs() calls this.
-- Cost: a batch in which each task only names earlier ones is only read once.
CREATE OR REPLACE FUNCTION circle_in_words(p_tasks jsonb, p_ids uuid [], p_places bigint [], p_needs uuid []) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_from integer [];
    v_to integer [];
    v_circle integer [];
BEGIN
    SELECT array_agg(asked.place), array_agg(other.place) INTO v_from, v_to
    FROM unnest(p_places, p_needs) AS asked (place, need)
    JOIN unnest(p_ids) WITH ORDINALITY AS other (id, place) ON other.id = asked.need;
    IF v_from IS NULL OR NOT EXISTS (SELECT FROM unnest(v_from, v_to) AS pair (a, b) WHERE b >= a) THEN
        RETURN NULL;
    END IF;
    v_circle := circle_of_needs(v_from, v_to, cardinality(p_ids));
    RETURN (
        SELECT string_agg(coalesce(p_tasks -> (circle.place - 1) ->> 'step', 'task ' || circle.place), ' after ' ORDER BY at)
        FROM unnest(v_circle) WITH ORDINALITY AS circle (place, at)
    );
END
$$;
