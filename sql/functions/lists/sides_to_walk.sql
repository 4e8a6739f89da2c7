-- INTERNAL sides_to_walk(way, selection): returns which sides of that index have selected tasks: true for those that
-- wait, false for those that have ended. An index that does not tell them apart has one side.
CREATE OR REPLACE FUNCTION sides_to_walk(p_way text, p_selection task_selection) RETURNS boolean []
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN p_way NOT IN ('group', 'queue', 'workflow', 'tenant', 'tool', 'model') THEN '{false}'
        WHEN NOT (p_selection).states && '{succeeded,failed,canceled}' THEN '{true}'
        WHEN (p_selection).states <@ '{succeeded,failed,canceled,leased,running}' THEN '{false}'
        ELSE '{true,false}'
    END::boolean []
$$;
