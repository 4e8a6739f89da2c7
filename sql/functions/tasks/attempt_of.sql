-- INTERNAL attempt_of(status, failures, most): returns which attempt of a task runs, comes next, or was the last.
CREATE OR REPLACE FUNCTION attempt_of(p_status text, p_failures integer, p_most integer) RETURNS integer
LANGUAGE sql IMMUTABLE
AS $$
    SELECT greatest(least(p_failures + (p_status <> 'failed')::integer, p_most), 1)
$$;
