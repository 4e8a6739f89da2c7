-- API remove_token(name): removes a token. What acts as it is refused at its next call.
-- Locks: the token, for which a request waits that is noting its use. Raises LD404.
CREATE OR REPLACE FUNCTION remove_token(p_name text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    DELETE FROM api_tokens WHERE name = p_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no token %', quote_nullable(left(p_name, 100))
            USING ERRCODE = 'LD404', HINT = '`llmctl token ls` shows the tokens';
    END IF;
END
$$;
