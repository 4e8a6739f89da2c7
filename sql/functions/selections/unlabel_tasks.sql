-- TRIGGER unlabel_tasks(): forgets the labels of tasks that are deleted.
CREATE OR REPLACE FUNCTION unlabel_tasks() RETURNS trigger
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
BEGIN
    DELETE FROM task_labels USING old_rows CROSS JOIN jsonb_each_text(labels)
    WHERE labels <> '{}' AND label = label_hash(key, value) AND task_labels.number = old_rows.number;
    RETURN NULL;
END
$$;
