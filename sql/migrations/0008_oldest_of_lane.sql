-- Where the ready tasks of a lane begin. Behind them lie, until VACUUM comes by, the index entries of all that were taken
-- or cancelled: 200,000 are 2,000 pages, which a claim would otherwise read at each probe.

ALTER TABLE lane_inbox ADD COLUMN created_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE lanes ADD COLUMN oldest timestamptz NOT NULL DEFAULT '-infinity';
