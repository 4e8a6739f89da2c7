-- API database_id(): returns the id of this database. Two databases that share a work directory both have a task 1.
CREATE OR REPLACE FUNCTION database_id() RETURNS uuid
LANGUAGE sql STABLE
AS $$ SELECT id FROM database_identity $$;
