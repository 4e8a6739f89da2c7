-- INTERNAL model_in_words(model): returns what people call the model of a cool-down, which is '' for tasks that name none.
CREATE OR REPLACE FUNCTION model_in_words(p_model text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE p_model WHEN '' THEN 'the default model' ELSE p_model END $$;
