-- API find_dispatchers(boot_id, work_dir): returns the process ids of the dispatchers that were started in this
-- directory since that boot of the machine and have not ended properly, each with the seconds since it registered: a
-- process that began later is another one. The lock in the directory is a better proof, but may be deleted.
CREATE OR REPLACE FUNCTION find_dispatchers(p_boot_id text, p_work_dir text)
RETURNS TABLE (pid integer, since_s double precision)
LANGUAGE sql STABLE
AS $$
    SELECT pid, extract(EPOCH FROM clock() - started_at)::double precision
    FROM dispatchers WHERE boot_id = p_boot_id AND work_dir = p_work_dir AND NOT closed ORDER BY started_at DESC
$$;
