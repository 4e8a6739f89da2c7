-- INTERNAL acting_token(): returns the token that act_as() named in this transaction. It is null if there is none, or if
-- the token was removed or has expired.
CREATE OR REPLACE FUNCTION acting_token() RETURNS api_tokens
LANGUAGE sql STABLE
AS $$
    SELECT api_tokens FROM api_tokens
    WHERE name = current_setting('llmctl.token', true) AND (expires_at IS NULL OR expires_at > clock())
$$;
