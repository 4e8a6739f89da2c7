-- INTERNAL session_name(): returns who acts in this session, for messages: "token 'ci'" or "role 'shop'".
CREATE OR REPLACE FUNCTION session_name() RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(
        'token ' || quote_literal(left(nullif(current_setting('llmctl.token', true), ''), 100)),
        'role ' || quote_literal(session_user)
    )
$$;
