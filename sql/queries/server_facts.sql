-- Returns in one row what decides whether this server suits the dispatcher.
SELECT
    pg_is_in_recovery() AS is_standby,
    current_setting('fsync')::boolean AS fsync,
    current_setting('synchronous_commit') <> 'off' AS commits_are_durable,
    current_setting('autovacuum')::boolean AS autovacuum,
    pg_notification_queue_usage() AS notification_queue,
    EXISTS (
        SELECT FROM pg_namespace, aclexplode(nspacl)
        WHERE pg_namespace.oid = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('schema_definitions'))
            AND grantee = 0 AND privilege_type = 'CREATE'
    ) AS everybody_creates,
    ARRAY(
        SELECT name FROM unnest(ARRAY[
            'llmctl_producer', 'llmctl_reader', 'llmctl_operator', 'llmctl_dispatcher', 'llmctl_admin'
        ]) AS name
        WHERE to_regrole(name) IS NULL
    ) AS missing_roles,
    ARRAY(
        SELECT slot_name || ' (' || greatest(age(xmin), age(catalog_xmin)) || ' transactions behind)'
        FROM pg_replication_slots WHERE greatest(age(xmin), age(catalog_xmin)) > 1000000
    ) AS pinning_slots
