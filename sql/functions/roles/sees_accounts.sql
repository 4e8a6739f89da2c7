-- INTERNAL sees_accounts(): returns whether the session may see the variables of worker groups and where their logins
-- are: nobody who is confined to tenants, and of the tokens only those of admins.
CREATE OR REPLACE FUNCTION sees_accounts() RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT session_tenants() IS NULL AND coalesce((acting_token()).role, 'admin') = 'admin'
$$;
