-- INTERNAL task_event(status, numbers): returns what watchers are told of tasks that came to this status.
CREATE OR REPLACE FUNCTION task_event(p_status text, p_numbers bigint []) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT json_build_object('status', p_status, 'numbers', p_numbers)::text
$$;
