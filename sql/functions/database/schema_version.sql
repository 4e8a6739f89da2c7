-- API schema_version(): returns the number of the last migration (0 if there is none) and the digest of the
-- definitions. Each command sees by them whether the schema fits it. Only the owner may read the tables behind them.
-- Programs of other versions call this, too: its name and its columns stay as they are.
CREATE OR REPLACE FUNCTION schema_version() RETURNS TABLE (number integer, digest text)
LANGUAGE sql STABLE
AS $$
    SELECT coalesce((SELECT max(number) FROM schema_migrations), 0), (SELECT digest FROM schema_definitions)
$$;
