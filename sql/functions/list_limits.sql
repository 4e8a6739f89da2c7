-- list_limits(): the limits with the slots that are taken.
CREATE OR REPLACE FUNCTION list_limits() RETURNS TABLE (scope text, current_concurrent integer, max_concurrent integer)
LANGUAGE sql STABLE
AS $$ SELECT scope, current_concurrent, max_concurrent FROM concurrency_limits ORDER BY scope $$;
