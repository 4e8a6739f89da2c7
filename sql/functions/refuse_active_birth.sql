-- refuse_active_birth(): row trigger after INSERT on tasks that say they are leased or running: only a claim may say so.
-- Raises LD400.
CREATE OR REPLACE FUNCTION refuse_active_birth() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'a task starts its life queued, not leased or running' USING ERRCODE = 'LD400';
END
$$;
