-- INTERNAL require_group(group): raises LD404 when there is no group of that name, and lists the groups there are.
CREATE OR REPLACE FUNCTION require_group(p_group text) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM worker_groups WHERE group_name = p_group) THEN
        RAISE EXCEPTION 'there is no worker group %; %', quote_literal(p_group), coalesce(
            'there are ' || (SELECT string_agg(group_name, ', ' ORDER BY group_name) FROM worker_groups),
            'there are none yet') USING ERRCODE = 'LD404';
    END IF;
END
$$;
