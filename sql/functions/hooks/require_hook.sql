-- INTERNAL require_hook(hook): raises LD404 where there is no hook of this name.
CREATE OR REPLACE FUNCTION require_hook(p_hook text) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM hooks WHERE name = p_hook) THEN
        RAISE EXCEPTION 'there is no hook %', quote_nullable(left(p_hook, 100)) USING ERRCODE = 'LD404',
            HINT = 'a hook of config.yaml is known once a dispatcher has read it; `llmctl hook ls` lists them';
    END IF;
END
$$;
