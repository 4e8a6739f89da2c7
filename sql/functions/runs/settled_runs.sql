-- settled_runs(runs): those of the runs given that have ended and whose results are stored. A lost run is none of them: its
-- files may be all that is left of a result. Nor is a run that is not known here, as after a restore from a dump.
CREATE OR REPLACE FUNCTION settled_runs(p_runs uuid []) RETURNS uuid []
LANGUAGE sql STABLE
AS $$ SELECT ARRAY(SELECT id FROM task_runs WHERE id = ANY(p_runs) AND status NOT IN ('running', 'lost')) $$;
