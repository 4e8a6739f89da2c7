-- TRIGGER refuse_active_birth(): refuses to insert a task that says it is leased or running, or has been: only a claim
-- may say so. A count near the largest number would fail the next claim, of all tasks. Raises LD400.
CREATE OR REPLACE FUNCTION refuse_active_birth() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'a new task must be queued and without runs' USING ERRCODE = 'LD400';
END
$$;
