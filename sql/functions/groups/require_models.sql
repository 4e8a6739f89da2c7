-- INTERNAL require_models(tasks): refuses tasks, a JSON array of objects with tool and model, if the models of a tool
-- are known and one of its tasks has another one. A task without a model gets what the tool takes by itself.
-- The hint names the model that is most like it: that holds it, or begins as it does.
-- Cost: a probe of tools for each. Raises LD400.
CREATE OR REPLACE FUNCTION require_models(p_tasks jsonb) RETURNS void
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    c_shown CONSTANT integer := 40;
    c_alike CONSTANT integer := 3;
    bad record;
    v_nearest text;
BEGIN
    SELECT name, model, models INTO bad
    FROM (
        SELECT DISTINCT task ->> 'tool' AS name, task ->> 'model' AS model FROM jsonb_array_elements(p_tasks) AS task
    ) AS named JOIN tools USING (name)
    WHERE models <> '{}' AND model <> ALL(models)
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT known INTO v_nearest
    FROM unnest(bad.models) AS known CROSS JOIN LATERAL (
        SELECT position(lower(bad.model) IN lower(known)) > 0 AS holds, (
            SELECT count(*) FROM generate_series(1, least(length(bad.model), length(known))) AS letters
            WHERE left(lower(known), letters) = left(lower(bad.model), letters)
        ) AS begins
    ) AS alike
    WHERE holds OR begins >= c_alike
    ORDER BY holds DESC, begins DESC, length(known), known LIMIT 1;
    RAISE EXCEPTION '% does not know the model %; it knows %', bad.name, quote_literal(bad.model), (
        SELECT string_agg(known, ', ' ORDER BY position) FILTER (WHERE position <= c_shown) || CASE
            WHEN count(*) > c_shown THEN format(' and %s more', count(*) - c_shown) ELSE '' END
        FROM unnest(bad.models) WITH ORDINALITY AS listed (known, position)
    ) USING ERRCODE = 'LD400', HINT = coalesce(
        'do you mean ' || v_nearest || '?',
        format('leave it out to get the default of %s, or correct tools.%s.models in config.yaml', bad.name, bad.name));
END
$$;
