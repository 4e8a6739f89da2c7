-- INTERNAL cooling_lanes(groups, cooling): returns the lanes that are blocked since their model cools down in each of the
-- `groups` of their tool that have a free slot, as cooling_key() writes them. `cooling` is what cools: group_name and
-- model joined by chr(31). Only pick_tasks() calls this, while some model cools.
CREATE OR REPLACE FUNCTION cooling_lanes(p_groups claimable_group [], p_cooling text []) RETURNS text []
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN ARRAY(
        SELECT cooling_key(tool, model, NULL)
        FROM (SELECT DISTINCT split_part(cooling, chr(31), 2) AS model FROM unnest(p_cooling) AS cooling) AS models
        CROSS JOIN (SELECT group_name, tool FROM unnest(p_groups) WHERE free > 0) AS open
        GROUP BY tool, model HAVING bool_and(group_name || chr(31) || model = ANY(p_cooling))
    );
END
$$;
