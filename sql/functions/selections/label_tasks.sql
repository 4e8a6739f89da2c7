-- TRIGGER label_tasks(): files the labels of tasks that are submitted, see task_labels. Nothing changes labels later.
CREATE OR REPLACE FUNCTION label_tasks() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO task_labels (label, number)
    SELECT DISTINCT label_hash(key, value), number
    FROM new_rows CROSS JOIN jsonb_each_text(labels) WHERE labels <> '{}';
    RETURN NULL;
END
$$;
