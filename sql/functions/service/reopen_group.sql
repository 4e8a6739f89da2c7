-- API reopen_group(group, host, dispatcher): opens a group again where a dispatcher could not run it: on this host, for
-- this dispatcher, or everywhere. If what it lacks is still missing, the next run closes it again; that costs no
-- attempt. A pause stays as it is. Raises LD404.
CREATE OR REPLACE FUNCTION reopen_group(
    p_group text, p_host text DEFAULT NULL, p_dispatcher uuid DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM require_group(p_group);
    PERFORM bound_transaction();
    DELETE FROM closed_groups USING dispatchers AS d
    WHERE group_name = p_group AND d.id = dispatcher_id AND (p_host IS NULL OR d.host = p_host)
        AND (p_dispatcher IS NULL OR d.id = p_dispatcher);
END
$$;
