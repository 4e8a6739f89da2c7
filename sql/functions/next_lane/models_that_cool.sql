-- INTERNAL models_that_cool(now): returns the models that cool down, with the account where they do. Nobody has to ask
-- while no group has models_cool_until.
CREATE OR REPLACE FUNCTION models_that_cool(p_now timestamptz)
RETURNS TABLE (group_name text, tool text, account_name text, model text)
LANGUAGE sql STABLE
AS $$
    SELECT g.group_name, g.tool, g.account_name, c.model
    FROM worker_groups AS g JOIN model_cooldowns AS c USING (group_name) WHERE c.cools_until > p_now
$$;
