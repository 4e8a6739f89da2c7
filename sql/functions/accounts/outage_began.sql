-- INTERNAL outage_began(group, now): returns when the outage of the group's service began that still lasts, or null. A
-- run that reaches the service ends it, and so does an hour without an overloaded run: nobody knows what has been since.
CREATE OR REPLACE FUNCTION outage_began(p_group worker_groups, p_now timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN p_group.overloaded_at > p_now - interval '1 hour' THEN p_group.outage_since END $$;
