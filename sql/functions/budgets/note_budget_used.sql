-- INTERNAL note_budget_used(scope, before, after): is called once each time that a budget passes 80 % or 100 %, in the
-- transaction that does it. `before` and `after` are how much of it is used: 1 is all. Tells hooks of 80 %.
CREATE OR REPLACE FUNCTION note_budget_used(p_scope text, p_before numeric, p_after numeric) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF p_before < 0.8 AND p_after >= 0.8 THEN
        PERFORM file_news(
            'budget.80', p_scope, jsonb_build_object('budget', jsonb_build_object('scope', p_scope, 'used', p_after)),
            jsonb_build_object('workflow', CASE
                WHEN starts_with(p_scope, 'workflow:') THEN substr(p_scope, length('workflow:') + 1)
            END));
    END IF;
END
$$;
