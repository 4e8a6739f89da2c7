-- INTERNAL cooling_key(tool, model, account): returns how a claim writes among what it has filled that a lane is blocked
-- since its model cools down: on this account for lanes that pin it; for the others, with account null, on all accounts
-- that have room. An expression, so that it is inlined.
CREATE OR REPLACE FUNCTION cooling_key(p_tool text, p_model text, p_account text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT 'cooling:' || p_tool || chr(31) || coalesce(p_model, '') || coalesce(chr(31) || p_account, '')
$$;
