-- API put_tool(name): makes a tool known, so that tasks can name it. How it is called stands in each dispatcher's
-- configuration and never here: a producer must not be able to say what is executed. Raises LD400 for a bad name.
CREATE OR REPLACE FUNCTION put_tool(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    INSERT INTO tools (name) VALUES (p_name) ON CONFLICT DO NOTHING;
EXCEPTION
    WHEN check_violation OR not_null_violation THEN
        RAISE EXCEPTION '% is not a valid tool: expected a name of a-z, 0-9, "_", "." and "-"', quote_nullable(p_name)
            USING ERRCODE = 'LD400';
END
$$;
