-- INTERNAL inherited_settings(task): returns what a child has from the task that spawns it, under the keys of
-- submit_tasks(): where it works and with what rights. What says how one piece of work is judged and ends is the child's
-- own: its name, files, times, attempts, approval, hooks, and whether it must change something.
CREATE OR REPLACE FUNCTION inherited_settings(p_task uuid) RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT settings_of(p_task) - '{name,output_files,timeout_s,stall_timeout_s,max_attempts,backoff_s,retry_on,approve,no_changes,hooks}'::text []
$$;
