-- API note_gone(work_dir, database, boot_id): ends the lease of the dispatchers of this work directory, since nobody
-- holds its lock any more: so everybody knows at once that they are gone, and not when their lease ends. Only a process
-- of the same boot of the same machine can know that, and `database` is the one whose lock it saw. Their runs stay as
-- they are, for the next holder. Should a dispatcher live nevertheless, its next heartbeat puts that right. Returns
-- whether this was news.
-- Locks: the dispatchers (SKIP LOCKED: a transaction that holds one belongs to a living dispatcher).
CREATE OR REPLACE FUNCTION note_gone(p_work_dir uuid, p_database uuid, p_boot_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_gone uuid [];
BEGIN
    v_gone := ARRAY(
        SELECT id FROM dispatchers
        WHERE work_dir_id = p_work_dir AND boot_id = p_boot_id AND p_database = database_id()
            AND NOT closed AND lease_expires_at > clock()
        FOR NO KEY UPDATE SKIP LOCKED
    );
    UPDATE dispatchers SET lease_expires_at = clock() WHERE id = ANY(v_gone);
    PERFORM pg_notify('dispatcher_heartbeat', 'gone ' || gone) FROM unnest(v_gone) AS gone;
    RETURN v_gone <> '{}';
END
$$;
