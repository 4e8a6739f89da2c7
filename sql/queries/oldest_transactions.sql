-- Lists what keeps dead rows from being removed, oldest first, with its age in seconds. PostgreSQL shows the times of a
-- session only to its own role and to members of pg_read_all_stats.
SELECT what, extract(EPOCH FROM clock_timestamp() - since)::double precision AS age_s
FROM (
    SELECT
        format('process %s of %s (%s, %s)', pid, coalesce(usename, backend_type),
            coalesce(nullif(application_name, ''), 'no application_name'), state) AS what,
        xact_start AS since
    FROM pg_stat_activity
    WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND datname = current_database()
        AND pid <> pg_backend_pid()
    UNION ALL
    SELECT format('prepared transaction %s of %s', quote_literal(gid), owner), prepared
    FROM pg_prepared_xacts WHERE database = current_database()
) AS holders
WHERE since IS NOT NULL ORDER BY since LIMIT 5
