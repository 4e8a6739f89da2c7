-- INTERNAL first_to_prune(tasks, output_only): returns the first of these tasks, in the order given, that one call of
-- prune_tasks() or prune_output() deletes: about 64 MB of them, so that a call stays short. Also returns how many runs
-- they have and how many bytes go with them: everything, or only what their agents printed.
CREATE OR REPLACE FUNCTION first_to_prune(
    p_tasks uuid [], p_output_only boolean, OUT ids uuid [], OUT runs bigint, OUT bytes bigint
)
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(array_agg(id), '{}'), coalesce(sum(weighed.runs), 0)::bigint, coalesce(sum(size), 0)::bigint
    FROM (
        SELECT id, counted.runs, size, sum(size) OVER (ORDER BY position) - size AS before
        FROM unnest(p_tasks) WITH ORDINALITY AS picked (id, position) CROSS JOIN LATERAL weigh_task(id) AS counted
        CROSS JOIN LATERAL (SELECT CASE WHEN p_output_only THEN output ELSE weight END AS size) AS sized
    ) AS weighed
    WHERE before < 64 * 1024 * 1024
$$;
