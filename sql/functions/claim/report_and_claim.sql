-- API report_and_claim(dispatcher, reports, max_tasks): finish_runs() and then lease_tasks() in one transaction, so
-- that a slot that becomes free is filled at once, at the cost of one round trip and one commit.
--
-- Returns what lease_tasks() does, and "verdicts": {run_id: verdict} as finish_runs() gives them. "shared": true says
-- that nothing was claimed because other dispatchers are at work and may want the slots. They have just been told of
-- them, and a claim in a second transaction gives them their chance. Otherwise the dispatcher that once got all slots
-- would keep them for ever. "schedules_due": true asks the dispatcher to fire them, see due_schedules().
--
-- The counters are moved twice, in the order of their names each time. So that this cannot deadlock with a transaction
-- that moves them once, it takes the counters lock exclusively.
-- Locks: claim lock, dispatchers row, tasks by id, counters lock (exclusive), and those of both functions.
-- Raises what they raise.
CREATE OR REPLACE FUNCTION report_and_claim(p_dispatcher uuid, p_reports jsonb, p_max_tasks integer DEFAULT 10)
RETURNS json
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_dispatcher dispatchers;
    v_ended record;
    v_verdicts jsonb := '{}';
    v_shared boolean := false;
    v_done boolean;
    v_claim record;
    v_runs json;
    v_deadline_s numeric;
    v_schedules_due boolean := false;
BEGIN
    IF p_reports <> '[]' THEN
        v_shared := EXISTS (
            SELECT FROM dispatchers AS d WHERE id <> p_dispatcher AND is_at_work(d, clock())
        );
    END IF;
    IF NOT v_shared THEN
        v_done := lock_claims() IS NOT NULL;
    END IF;
    v_dispatcher := require_open_dispatcher(p_dispatcher);
    IF p_reports <> '[]' THEN
        v_ended := end_runs(p_dispatcher, p_reports, p_counters_exclusive => NOT v_shared);
        v_verdicts := jsonb_object(v_ended.run_ids::text [], v_ended.verdicts);
    END IF;
    IF NOT v_shared THEN
        v_claim := lease_tasks(v_dispatcher, p_max_tasks);
        v_runs := v_claim.runs;
        v_deadline_s := v_claim.next_deadline_s;
        v_schedules_due := v_claim.schedules_due;
    END IF;
    RETURN json_build_object(
        'runs', coalesce(v_runs, '[]'), 'next_deadline_s', v_deadline_s, 'verdicts', v_verdicts, 'shared', v_shared,
        'schedules_due', v_schedules_due);
END
$$;
