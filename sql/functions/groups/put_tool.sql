-- API put_tool(name, models, is_proven): makes a tool known, so that tasks can name it. How it is called stands in each
-- dispatcher's configuration and never here: a producer must not be able to say what is executed. models are all models
-- that it takes, an empty array when nobody knows them all: then a task may name any. is_proven says whether its output
-- tells a success from a failure. What is null stays as it is; of a new tool no models are known, and it is proven.
-- Locks: the tool's row, if anything changes. Raises LD400 for a bad name.
CREATE OR REPLACE FUNCTION put_tool(
    p_name text, p_models text [] DEFAULT NULL, p_is_proven boolean DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    INSERT INTO tools AS known (name, models, is_proven)
    VALUES (p_name, coalesce(p_models, '{}'), coalesce(p_is_proven, true))
    ON CONFLICT (name) DO UPDATE
    SET models = coalesce(p_models, known.models), is_proven = coalesce(p_is_proven, known.is_proven)
    WHERE (known.models, known.is_proven)
        <> (coalesce(p_models, known.models), coalesce(p_is_proven, known.is_proven));
EXCEPTION
    WHEN check_violation OR not_null_violation THEN
        RAISE EXCEPTION '% is not a valid tool: expected a name of a-z, 0-9, "_", "." and "-"', quote_nullable(p_name)
            USING ERRCODE = 'LD400';
END
$$;
