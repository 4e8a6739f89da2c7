-- TRIGGER tree_was_spent(): when the budget of a tree is used up, its ready tasks wait (wait_reason budget); when it has
-- room again, they go on. A tree has at most 10,000 tasks. What somebody else holds, and what becomes ready later, the
-- claim meets: leave_out_spent_trees().
-- Locks: the tasks of the tree (SKIP LOCKED when they begin to wait, since this happens in a report).
CREATE OR REPLACE FUNCTION tree_was_spent() RETURNS trigger
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
BEGIN
    IF tree_is_spent(new) AND NOT tree_is_spent(old) THEN
        UPDATE tasks SET wait_reason = 'budget', updated_at = clock()
        WHERE id = ANY(ARRAY(
            SELECT id FROM tasks WHERE id = ANY(new.root || tasks_below(ARRAY[new.root])) AND status = 'queued' AND wait_reason IS NULL
            FOR NO KEY UPDATE SKIP LOCKED
        ));
    ELSIF tree_is_spent(old) AND NOT tree_is_spent(new) THEN
        UPDATE tasks SET wait_reason = NULL, updated_at = clock()
        WHERE id = ANY(new.root || tasks_below(ARRAY[new.root])) AND status = 'queued' AND wait_reason = 'budget';
    END IF;
    RETURN NULL;
END
$$;
