-- Tokens, by which programs and browsers act through the HTTP API.

-- What a token is, never the token itself: hash is its SHA-256. A token has 256 random bits, so neither salt nor a slow
-- hash would add anything. tenants null: all those of the login through which it acts.
CREATE TABLE api_tokens (
    name text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}$'),
    hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    role text NOT NULL CHECK (role IN ('producer', 'reader', 'operator', 'admin')),
    tenants text [] CHECK (tenants <> '{}'),
    created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz,
    -- To the hour, so that a request usually writes nothing.
    last_used_at timestamptz,
    CHECK (role <> 'admin' OR tenants IS NULL)
) WITH (fillfactor = 80);
