-- INTERNAL named_tasks(tasks): returns the numbers of tasks as people name them: by a number, the beginning of a uuid,
-- or a range of numbers such as 61-70; and again those that are named one by one. A range takes the tasks that there
-- are, but whoever names a single task means that one.
-- Raises LD404 for a single task that this session does not see, and LD400 for a range that goes backwards; see
-- find_task().
CREATE OR REPLACE FUNCTION named_tasks(p_tasks text [], OUT picked int8multirange, OUT named bigint [])
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
AS $$
DECLARE
    c_range CONSTANT text := '^[0-9]{1,18}-[0-9]{1,18}$';
    v_mine text [] := session_tenants();
    v_task text;
BEGIN
    SELECT task INTO v_task FROM unnest(p_tasks) AS task
    WHERE task ~ c_range AND CASE WHEN task ~ c_range
        THEN split_part(task, '-', 1)::bigint > split_part(task, '-', 2)::bigint END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is not a valid range of tasks: expected the lower number first', v_task
            USING ERRCODE = 'LD400';
    END IF;
    SELECT task INTO v_task FROM unnest(p_tasks) AS task
    WHERE task ~ '^[0-9]{1,18}$' AND NOT EXISTS (
        SELECT FROM tasks
        WHERE number = CASE WHEN task ~ '^[0-9]{1,18}$' THEN task::bigint END
            AND (v_mine IS NULL OR tenant_id = ANY(v_mine))
    )
    LIMIT 1;
    IF FOUND THEN
        PERFORM find_task(v_task);
    END IF;
    named := ARRAY(
        SELECT DISTINCT CASE
            WHEN task ~ '^[0-9]{1,18}$' THEN task::bigint
            ELSE (SELECT number FROM tasks WHERE id = find_task(task))
        END
        FROM unnest(p_tasks) AS task WHERE task !~ c_range ORDER BY 1
    );
    SELECT coalesce(range_agg(span), '{}') INTO picked
    FROM (
        SELECT int8range(number, number, '[]') AS span FROM unnest(named) AS number
        UNION ALL
        SELECT int8range(split_part(task, '-', 1)::bigint, split_part(task, '-', 2)::bigint, '[]')
        FROM unnest(p_tasks) AS task WHERE task ~ c_range
    ) AS spans;
END
$$;
