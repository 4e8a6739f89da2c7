-- API capped_tools(): returns the tools whose limit is lower than the slots of their groups together, so that some slots
-- are never used at the same time. A paused group counts, too: it may be resumed.
CREATE OR REPLACE FUNCTION capped_tools() RETURNS TABLE (tool text, slots bigint, max_concurrent integer)
LANGUAGE sql STABLE
AS $$
    SELECT of_tool.tool, of_tool.slots, limits.max_concurrent
    FROM (SELECT tool, sum(max_concurrent) AS slots FROM worker_groups GROUP BY tool) AS of_tool
    JOIN concurrency_limits AS limits ON limits.scope = 'tool:' || of_tool.tool
    WHERE of_tool.slots > limits.max_concurrent
    ORDER BY of_tool.tool
$$;
