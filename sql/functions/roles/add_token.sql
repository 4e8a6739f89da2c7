-- API add_token(name, hash, role, tenants, expires_in_s): makes a token for the HTTP API. The caller made the secret
-- and tells only its SHA-256. Without tenants it has all those of the login through which it acts; without a length of
-- time it does not expire. An admin has all tenants, since it could make itself a token that has them.
-- Raises LD400, and LD409 when there is a token of that name or hash.
CREATE OR REPLACE FUNCTION add_token(
    p_name text, p_hash bytea, p_role text, p_tenants text [] DEFAULT NULL, p_expires_in_s double precision DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_now timestamptz := clock();
    v_complaint text := CASE
        WHEN coalesce(p_name, '') !~ '^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$' THEN format(
            '%s is not a valid name of a token: expected up to 63 letters, digits, "_", ".", "@" or "-"',
            quote_nullable(left(p_name, 100)))
        WHEN p_hash IS NULL OR octet_length(p_hash) <> 32 THEN 'this is not a valid hash: expected a SHA-256 of 32 bytes'
        WHEN p_role IS NULL OR p_role NOT IN ('producer', 'reader', 'operator', 'admin') THEN format(
            '%s is not a valid role: expected producer, reader, operator or admin', quote_nullable(left(p_role, 100)))
        WHEN p_role = 'admin' AND p_tenants IS NOT NULL
            THEN 'an admin cannot be confined to tenants: it may make tokens that are not'
        WHEN p_tenants = '{}' THEN 'a token without a tenant may do nothing: name one, or leave out tenants for all'
        WHEN NOT p_expires_in_s BETWEEN 1 AND 315360000 THEN format(
            '%s is not a valid time to live: expected 1 second to ten years', p_expires_in_s)
    END;
    v_tenant text := (
        SELECT coalesce(tenant, '') FROM unnest(p_tenants) AS tenant
        WHERE coalesce(tenant, '') !~ '^[^[:cntrl:]]+$' OR octet_length(tenant) > 200 LIMIT 1
    );
BEGIN
    IF v_complaint IS NULL AND v_tenant IS NOT NULL THEN
        v_complaint := format('%L is not a valid tenant: expected 1 to 200 bytes without control characters',
            left(v_tenant, 100));
    END IF;
    IF v_complaint IS NOT NULL THEN
        RAISE EXCEPTION '%', v_complaint USING ERRCODE = 'LD400';
    END IF;
    INSERT INTO api_tokens (name, hash, role, tenants, created_at, expires_at)
    VALUES (p_name, p_hash, p_role, (SELECT array_agg(DISTINCT tenant) FROM unnest(p_tenants) AS tenant),
        v_now, v_now + make_interval(secs => p_expires_in_s));
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'there is a token % already, or one with the same secret', quote_literal(p_name)
            USING ERRCODE = 'LD409', HINT = format('give it another name, or remove it: `llmctl token rm %s`', p_name);
END
$$;
