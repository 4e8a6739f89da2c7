-- Logins of browsers: sessions, which stand for a token and end by themselves. The token itself never reaches the browser.

-- What a browser shows instead of a token is a random id, and hash its SHA-256; see 0014_tokens.sql why that suffices.
-- A session ends at ends_at, or when nobody has used it for long, and in any case with its token.
CREATE TABLE page_sessions (
    hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    token_name text COLLATE "C" NOT NULL REFERENCES api_tokens ON DELETE CASCADE,
    -- Whether the token was made for this session, as by the link of `dispatcher serve`: then it ends with it.
    owns_token boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL, ends_at timestamptz NOT NULL,
    -- To the hour, as that of a token.
    last_used_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX page_sessions_of_token ON page_sessions (token_name, started_at);

-- Cookies held the tokens of these logins, and are not read any more.
DELETE FROM api_tokens WHERE name ~ '^page-[0-9a-f]{16}$';

-- It returns how many sessions stand for a token, too.
DROP FUNCTION IF EXISTS list_tokens();
