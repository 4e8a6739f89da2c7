-- INTERNAL is_probe(group, claimed_at): returns whether a run was claimed to find out if the group works again after
-- its cool-down.
CREATE OR REPLACE FUNCTION is_probe(p_group worker_groups, p_claimed_at timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$ SELECT p_group.unproven AND coalesce(p_claimed_at >= p_group.cooldown_until, true) $$;
