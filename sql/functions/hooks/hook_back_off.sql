-- INTERNAL hook_back_off(attempts): returns the seconds until the next attempt after so many, as Standard Webhooks
-- suggests them: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. Null: there is none, after 76 hours in all.
CREATE OR REPLACE FUNCTION hook_back_off(p_attempts integer) RETURNS integer
LANGUAGE sql IMMUTABLE
AS $$ SELECT ('{5,300,1800,7200,18000,36000,50400,72000,86400}'::integer [])[p_attempts] $$;
