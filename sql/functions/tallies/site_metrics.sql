-- INTERNAL site_metrics(): returns the families of metrics() that are about groups, limits, dispatchers, queues and the
-- database. A group that no host can run counts as paused. Limits of tenants are left out: their number has no bound,
-- and a sample names no tenant. A host is up if all its dispatchers are that did not say goodbye. Only metrics() calls
-- this.
CREATE OR REPLACE FUNCTION site_metrics() RETURNS jsonb
LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'groups', coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'group', group_name, 'tool', tool, 'used', current_concurrent, 'max', max_concurrent,
                'cooldown_s', greatest(extract(EPOCH FROM cooldown_until - clock()), 0),
                'paused', paused OR NOT served AND closed IS NOT NULL,
                'budget_used', spent_today(g, clock()) / daily_budget_usd,
                'cooling_models', (
                    SELECT count(*) FROM model_cooldowns AS c
                    WHERE c.group_name = g.group_name AND cools_until > clock()
                ),
                'overloaded', unproven AND cooldown_class IS NOT DISTINCT FROM 'overloaded',
                'throttled', is_throttled(g, clock())
            ))
            FROM worker_groups AS g CROSS JOIN LATERAL group_service(g, clock())
        ), '[]'),
        'limits', coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'kind', split_part(scope, ':', 1), 'name', substr(scope, strpos(scope, ':') + 1),
                'used', current_concurrent, 'max', max_concurrent
            ))
            FROM (
                SELECT * FROM concurrency_limits WHERE scope NOT LIKE 'tenant:%' AND max_concurrent IS NOT NULL
                ORDER BY NOT starts_with(scope, 'tool:'), current_concurrent DESC, scope LIMIT 200
            ) AS busiest
        ), '[]'),
        'dispatchers', coalesce((
            SELECT jsonb_agg(jsonb_build_object('host', host, 'up', up, 'draining', draining, 'age_s', age_s))
            FROM (
                SELECT host, bool_and(lease_expires_at > clock()) AS up, bool_or(draining) AS draining,
                    extract(EPOCH FROM clock() - min(last_heartbeat_at)) AS age_s
                FROM dispatchers WHERE NOT closed GROUP BY host
            ) AS hosts
        ), '[]'),
        'oldest_ready', coalesce((SELECT jsonb_agg(oldest) FROM oldest_ready() AS oldest), '[]'),
        'build', jsonb_build_object(
            'schema', (SELECT max(number) FROM schema_migrations), 'postgres', current_setting('server_version')
        ))
$$;
