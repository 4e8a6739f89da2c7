-- INTERNAL note_budget_used(scope, before, after): is called once each time that a budget passes 80 % or 100 %, in the
-- transaction that does it. `before` and `after` are how much of it is used: 1 is all. This is the place for whoever wants
-- to hear of it.
CREATE OR REPLACE FUNCTION note_budget_used(p_scope text, p_before numeric, p_after numeric) RETURNS void
LANGUAGE sql STABLE
AS $$ SELECT NULL::void FROM (VALUES (p_scope, p_before, p_after)) AS used $$;
