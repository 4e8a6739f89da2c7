-- finish_run(dispatcher, report): finish_runs() for one; answers its verdict.
CREATE OR REPLACE FUNCTION finish_run(p_dispatcher uuid, p_report jsonb) RETURNS text
LANGUAGE sql VOLATILE
AS $$ SELECT verdict FROM finish_runs(p_dispatcher, jsonb_build_array(p_report)) $$;
