-- API list_page(select, before, limit): returns a page of tasks, newest first, as a JSON array of objects with the
-- columns of list_tasks(), and `next`: the `before` of the next page, null at the end. A page may hold fewer tasks
-- than `limit`, even none, and go on.
--   SELECT * FROM list_page('{"states": ["failed"], "labels": {"batch": "x"}}');
-- Whoever walks through all pages sees each task that is selected throughout exactly once, whatever is submitted or
-- changes meanwhile, since a task's number never changes.
-- Cost: that of the page, and of at most 10,000 candidates where several filters are combined, or a name is sought.
-- Raises LD400 for a selection that is not valid, see read_selection(), and for a limit outside of 1 to 1,000.
CREATE OR REPLACE FUNCTION list_page(
    p_select jsonb DEFAULT '{}', p_before bigint DEFAULT NULL, p_limit integer DEFAULT 100
)
RETURNS TABLE (items jsonb, next bigint)
LANGUAGE plpgsql STABLE
SET jit = off
AS $$
DECLARE
    v_numbers bigint [];
BEGIN
    IF p_limit IS NULL OR p_limit NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION '% is not a valid limit: expected a number from 1 to 1000', coalesce(p_limit::text, 'null')
            USING ERRCODE = 'LD400';
    END IF;
    SELECT page.numbers, page.next INTO v_numbers, next
    FROM first_fitting(read_selection(p_select), p_before, p_limit) AS page;
    items := coalesce((SELECT jsonb_agg(to_jsonb(task)) FROM listed_tasks(v_numbers) AS task), '[]');
    RETURN NEXT;
END
$$;
