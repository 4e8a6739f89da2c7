-- INTERNAL session_ends(session): returns when a session ends: after 30 days, and 7 after it was used last.
CREATE OR REPLACE FUNCTION session_ends(p_session page_sessions) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$ SELECT least(p_session.ends_at, p_session.last_used_at + interval '7 days') $$;
