-- INTERNAL probe_is_out(group): returns whether a task runs that is to find out if the group works again after its
-- cool-down. A run from before the cool-down goes on and is not a probe.
CREATE OR REPLACE FUNCTION probe_is_out(p_group worker_groups) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT EXISTS (
        SELECT FROM tasks JOIN task_runs AS r ON r.id = tasks.run_id
        WHERE tasks.status IN ('leased', 'running') AND tasks.group_name = p_group.group_name
            AND is_probe(p_group, r.claimed_at)
    )
$$;
