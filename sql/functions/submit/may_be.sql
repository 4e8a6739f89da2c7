-- INTERNAL may_be(key, value): returns whether a key of a task may have this value; null leaves the key out.
-- The planner inlines it, and then only the branch of complaint_about() that this key needs is left.
CREATE OR REPLACE FUNCTION may_be(p_key text, p_value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT complaint_about(task_keys() ->> p_key, p_value) IS NULL
$$;
