-- Large files on their way from the host that has them to a run on another one, through the database.

-- A file that a run is to be given by another task, and that is on the disk of another host. Its dispatcher asks, any that
-- has a file of this content sends it in pieces, a few ahead of what was taken, and the run's dispatcher takes them. Both
-- are gone when the run has the file, or has ended.
CREATE TABLE file_requests (
    run_id uuid NOT NULL REFERENCES task_runs (id) ON DELETE CASCADE,
    path text NOT NULL,
    -- Of the content, and where the run that wrote the file kept it.
    sha256 text NOT NULL, size_bytes bigint NOT NULL, storage_url text NOT NULL, host text NOT NULL,
    -- Up to which byte it was sent, and up to which it was taken.
    sent bigint NOT NULL DEFAULT 0, taken bigint NOT NULL DEFAULT 0,
    -- Why it cannot be sent.
    problem text,
    PRIMARY KEY (run_id, path),
    CHECK (taken <= sent AND sent <= size_bytes)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

CREATE TABLE file_pieces (
    run_id uuid NOT NULL,
    path text NOT NULL,
    starts_at bigint NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (run_id, path, starts_at),
    FOREIGN KEY (run_id, path) REFERENCES file_requests ON DELETE CASCADE
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
-- The pieces are files and patches of agents: compressing them again costs more than it saves.
ALTER TABLE file_pieces ALTER COLUMN content SET STORAGE EXTERNAL;
