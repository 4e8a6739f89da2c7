-- INTERNAL end_runs(dispatcher, reports, counters_exclusive): ends runs, each exactly once, decides what becomes of
-- their tasks, and returns the run of each report and a verdict: "finished"; "already", when this run was reported
-- before; "stale", when the run is another dispatcher's now or unknown, and nothing was written; "held", when somebody's
-- open transaction holds the task or a try beside it: nothing was written, so report it again. It waits for nobody's
-- task, since the others' reports and the claim would wait with it.
--
-- A report is a JSON object: run_id; error_class (null: succeeded) and error_message; exit_code, signal, pid,
-- final_text, session_id, stdout, stderr, output_files, denials, input_tokens, cached_input_tokens, output_tokens,
-- cost_usd; ran_s (how long the agent ran, null when it never started); retry_after_s (what the service asked for);
-- spawn (what the agent of a task with `spawns` wrote down, see spawned_reports());
-- limit_is_of_model (whether a usage limit is that of the task's model alone);
-- auth_mode; output (see keep_output()), so that nobody sees an end without its last output; question (what the agent
-- asks); follow_up (what the next run is told); change and commands (see write_changes()). Instead of a large answer,
-- which came before in pieces, a report has its length: answer_bytes. Pieces of unfinished files go when the run ends.
--
-- error_classes says what an error does: decide_outcomes() to the task, settle_groups() to the worker group.
-- Back-off: see back_off(). It counts failed attempts, or runs so far if the class uses up no attempt. After a failure a
-- service that asks for more time gets it; if no attempt is used up, the task waits as long as the service asks for.
-- A check that failed uses up an attempt, and the next one goes on with the session, at once. A setup that failed uses up
-- none: but after max_attempts of them, one after the other, the task fails. A question waits for its answer, and the
-- success of a task with `approve` for that: the task is queued, with its result.
-- A usage limit parks the task until its account, or another one that may take it, works again. An overloaded service uses
-- up no attempt for an hour, see is_outlasted().
-- A task that was cut short through no fault of its own (it uses up no attempt) continues its session, if it has one. A
-- task of a group without failover, one that was given a session, and one that an account refused are pinned to that
-- account. The task itself may say which errors are tried again. A cancel that was asked for ends the task as canceled,
-- unless the agent was quicker and the task succeeded.
-- Every table is reached by keys that are parameters. Otherwise a plan that was made while tasks was empty would read
-- all of it for each report (measured), until autovacuum has run.
-- Of several tries at one task the end of one may decide about the others, see settle_tries().
-- Of a task with a tree the costs are added to those of the tree, and its children are submitted before its end is written.
-- Locks: tasks by id (SKIP LOCKED), with the tries beside them; trees and what their new tasks need (SKIP LOCKED, see
-- with_free_trees()); with counters_exclusive the counters lock (exclusive); runs; by the
-- status trigger the counters.
-- The caller holds the dispatcher.
-- Raises LD413 when pieces of an answer are missing, LD400 for an unknown error class or outside READ COMMITTED.
CREATE OR REPLACE FUNCTION end_runs(
    p_dispatcher uuid, p_reports jsonb, p_counters_exclusive boolean DEFAULT false,
    OUT run_ids uuid [], OUT verdicts text []
)
LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_run_ids uuid [] := ARRAY(SELECT (report ->> 'run_id')::uuid FROM jsonb_array_elements(p_reports) AS report);
    v_task_ids uuid [];
    v_locked uuid [];
    v_with_tries boolean := EXISTS (SELECT FROM try_sets WHERE is_open);
    v_held uuid [] := '{}';
    v_approve boolean;
    v_tries boolean;
    v_in_trees boolean;
    v_workflows boolean;
    v_is_more boolean;
    v_unapproved jsonb;
    v_kept record;
    v_ended record;
    v_now timestamptz;
BEGIN
    SELECT coalesce(array_agg(id) FILTER (WHERE ours), '{}'), bool_or(approve AND ours), bool_or(try_set IS NOT NULL),
        bool_or(tree IS NOT NULL), bool_or(workflow IS NOT NULL AND ours), array_agg(id)
    INTO v_task_ids, v_approve, v_tries, v_in_trees, v_workflows, v_locked FROM (
        SELECT id, approve, try_set, tree, workflow, run_id = ANY(v_run_ids) AND leased_by = p_dispatcher AS ours
        FROM tasks
        WHERE id = ANY(CASE
            WHEN v_with_tries
                THEN with_tries(ARRAY(SELECT task_id FROM task_runs WHERE task_runs.id = ANY(v_run_ids)))
            ELSE ARRAY(SELECT task_id FROM task_runs WHERE task_runs.id = ANY(v_run_ids))
        END) AND (run_id = ANY(v_run_ids) AND leased_by = p_dispatcher OR try_set IS NOT NULL)
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ) AS locked;
    IF v_tries AND v_with_tries THEN
        v_task_ids := whole_sets(v_task_ids, v_locked);
    END IF;
    IF v_in_trees THEN
        v_task_ids := with_free_trees(v_task_ids, p_reports);
    END IF;
    IF cardinality(v_task_ids) < cardinality(v_run_ids) THEN
        v_held := held_runs(p_dispatcher, v_run_ids, v_task_ids);
        p_reports := coalesce((
            SELECT jsonb_agg(report ORDER BY position)
            FROM jsonb_array_elements(p_reports) WITH ORDINALITY AS given (report, position)
            WHERE (report ->> 'run_id')::uuid <> ALL(v_held)
        ), '[]');
    END IF;
    IF p_counters_exclusive THEN
        PERFORM lock_counters(true);
    END IF;
    -- Most reports have none of this, and each test costs them time.
    v_is_more := v_tries OR v_in_trees OR p_reports @? '$[*] ? (
        @.error_class != null || exists (@.answer_bytes) || exists (@.change) || exists (@.commands))';
    IF v_is_more OR cardinality(v_task_ids) < cardinality(v_run_ids) THEN
        p_reports := checked_reports(p_reports, v_run_ids);
    END IF;
    IF v_is_more AND p_reports @? '$[*].answer_bytes' THEN
        p_reports := answers_from_pieces(p_reports, ARRAY(SELECT tasks.run_id FROM tasks WHERE id = ANY(v_task_ids)));
    END IF;
    IF v_tries THEN
        p_reports := tried_reports(p_reports, v_task_ids);
    END IF;
    IF v_in_trees THEN
        PERFORM spend_in_trees(p_reports, v_task_ids);
        p_reports := spawned_reports(p_reports, v_task_ids);
    END IF;
    IF EXISTS (SELECT FROM run_pieces WHERE run_pieces.run_id = ANY(v_run_ids)) THEN
        -- Who sends a piece of a file holds its request.
        DELETE FROM file_requests
        WHERE file_requests.run_id = ANY(ARRAY(SELECT tasks.run_id FROM tasks WHERE id = ANY(v_task_ids)));
        DELETE FROM run_pieces
        WHERE run_pieces.run_id = ANY(ARRAY(SELECT tasks.run_id FROM tasks WHERE id = ANY(v_task_ids)));
    END IF;
    v_now := clock();
    -- start_runs() locks tasks before it writes to their runs. We hold the tasks, so no run is passed over.
    v_kept := store_chunks(p_dispatcher, jsonb_path_query_array(p_reports, '$[*].output'), v_run_ids);
    IF v_is_more AND p_reports @? '$[*].error_class ? (@ != null)' THEN
        -- Before they are queued again: as a queued task, each is filed in the lane of its account.
        UPDATE tasks SET account = failed.new_account
        FROM decide_outcomes(p_reports, v_run_ids, v_task_ids, v_now) AS failed
        WHERE tasks.run_id = failed.run_id AND tasks.id = ANY(v_task_ids) AND failed.new_account IS NOT NULL;
    END IF;
    IF v_approve THEN
        v_unapproved := unapproved_outcomes(p_reports, v_task_ids);
    END IF;
    IF v_is_more THEN
        PERFORM write_changes(p_reports, v_task_ids);
    END IF;
    v_ended := write_outcomes(
        p_reports, v_run_ids, v_task_ids, v_now, v_unapproved,
        v_kept.run_ids, v_kept.stdout_stored, v_kept.stderr_stored);
    IF v_tries THEN
        PERFORM settle_tries(v_task_ids);
    END IF;
    IF v_workflows THEN
        PERFORM note_spending(v_ended.run_ids);
    END IF;
    IF v_ended.affect_groups THEN
        PERFORM settle_groups(v_ended.run_ids, p_reports, v_now);
    END IF;

    run_ids := v_run_ids;
    IF cardinality(v_ended.run_ids) = cardinality(v_run_ids) THEN
        verdicts := array_fill('finished'::text, ARRAY[cardinality(v_run_ids)]);
        RETURN;
    END IF;
    verdicts := ARRAY(
        SELECT CASE
            WHEN given.run_id = ANY(v_ended.run_ids) AND array_position(v_run_ids, given.run_id) = given.position
                THEN 'finished'
            WHEN given.run_id = ANY(v_held) THEN 'held'
            WHEN EXISTS (
                SELECT FROM task_runs WHERE task_runs.id = given.run_id AND task_runs.status <> 'running'
            ) THEN 'already'
            ELSE 'stale'
        END
        FROM unnest(v_run_ids) WITH ORDINALITY AS given (run_id, position) ORDER BY position
    );
END
$$;
