-- API settled_runs(runs): returns those of the given runs that have ended and whose results are stored. A lost run is
-- not among them, since its files may be all that is left of a result. Neither is a run that is unknown here, as after
-- a restore from a dump.
CREATE OR REPLACE FUNCTION settled_runs(p_runs uuid []) RETURNS uuid []
LANGUAGE sql STABLE
AS $$ SELECT ARRAY(SELECT id FROM task_runs WHERE id = ANY(p_runs) AND status NOT IN ('running', 'lost')) $$;
