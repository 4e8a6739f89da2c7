-- unreferenced_files(digests): those of the SHA-256s given that no file kept outside the database has.
CREATE OR REPLACE FUNCTION unreferenced_files(p_digests text []) RETURNS text []
LANGUAGE sql STABLE
AS $$
    SELECT ARRAY(
        SELECT digest FROM unnest(p_digests) AS digest
        WHERE NOT EXISTS (SELECT FROM task_files WHERE sha256 = digest AND storage_url IS NOT NULL)
    )
$$;
