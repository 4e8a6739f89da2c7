-- What a dispatcher sends in pieces, since a slow line would not bring it in time as a whole: output files by their paths,
-- and the answer of a run under the name ''. Nobody sees a piece; they are put together by keep_pieces() and end_runs(),
-- and are gone when the run has ended.
CREATE TABLE run_pieces (
    run_id uuid NOT NULL REFERENCES task_runs (id) ON DELETE CASCADE,
    name text NOT NULL,
    starts_at bigint NOT NULL CHECK (starts_at >= 0),
    content bytea NOT NULL,
    PRIMARY KEY (run_id, name, starts_at)
);
