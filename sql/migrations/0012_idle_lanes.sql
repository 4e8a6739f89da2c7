-- What the claim knows of lanes, kinds and tenants that are gone is removed by prune_lanes(), and serving a tenant costs
-- no index entry.

-- Lanes without a task. By lane, which no update changes: the entries of a lane that empties and fills all day take the
-- place of each other.
CREATE INDEX lanes_empty ON lanes (lane) WHERE head IS NULL;

-- served is the number of the tenant's last service. turn, by which rows are looked up, follows it only where that
-- matters: in the row of which a task was taken, and in others when they come to be first. So most updates stay within
-- their page (20 tenants at 9 priorities, 20,000 tasks: 140,000 updates had put 180 rows on 365 pages).
ALTER TABLE turns
ADD COLUMN served bigint NOT NULL DEFAULT 0,
-- Since when no lane is known any more.
ADD COLUMN idle_since timestamptz;
UPDATE turns SET served = turn;
CREATE INDEX turns_idle ON turns (idle_since) WHERE idle_since IS NOT NULL;

ALTER TABLE kinds SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0
);
