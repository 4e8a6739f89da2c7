-- INTERNAL tried_reports(reports, tasks): returns the reports of runs of these tasks as they count where the tasks belong
-- to sets of tries. A judge that names none of its tries has failed as no_pick. A try that succeeded after another one
-- was picked, and it was asked to stop, counts as canceled; its run keeps everything. The caller has locked the tasks.
CREATE OR REPLACE FUNCTION tried_reports(p_reports jsonb, p_task_ids uuid []) RETURNS jsonb
LANGUAGE sql VOLATILE
SET enable_seqscan = off
AS $$
    SELECT jsonb_agg(report || coalesce(changes, '{}') ORDER BY position)
    FROM jsonb_array_elements(p_reports) WITH ORDINALITY AS given (report, position)
    LEFT JOIN LATERAL (
        SELECT CASE
            WHEN try_sets.judge = tasks.id THEN CASE
                WHEN report ->> 'error_class' IS NULL AND try_named_by(try_set, report ->> 'final_text') IS NULL
                    THEN jsonb_build_object('error_class', 'no_pick', 'error_message',
                        format('the answer names none of the tries: expected a line such as PICK: 12; '
                            '`llmctl pick %s NUMBER` picks one by hand', tasks.number), 'follow_up',
                        'Your answer picks none of the tries that you were given. End it with a line: PICK: NUMBER')
            END
            WHEN try_sets.picked <> tasks.id AND tasks.cancel_requested_at IS NOT NULL
                THEN jsonb_build_object('error_class', coalesce(report ->> 'error_class', 'canceled'), 'error_message',
                    (SELECT format('task %s was picked', number) FROM tasks AS other WHERE other.id = try_sets.picked))
        END AS changes
        FROM tasks JOIN try_sets ON try_sets.id = tasks.try_set
        WHERE tasks.id = ANY(p_task_ids) AND tasks.run_id = (report ->> 'run_id')::uuid
    ) AS counted ON true
$$;
