"""Several tries at one task: one of them is picked, by the first success or by a judge, whatever happens meanwhile."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client, Run, Submitted
from tests.sql.concurrently import all_at_once
from tests.sql.refused import refused

TASK = {"tool": "claude", "prompt": "fix it", "name": "fix", "labels": {"batch": "x"}}


class Contest:
    """A dispatcher with room for every try."""

    def __init__(self, db: Client) -> None:
        self.db = db
        self.dispatcher: UUID = db.dispatcher()

    def submit(
        self, tries: int = 3, pick: str = "first-green", judge: object = None, **keys: object
    ) -> list[int]:
        """The numbers of the tries, and of the judge as the last one."""
        rows = self.db.connection.execute(
            "select * from submit_tries(%s, %s, %s, %s)",
            [Jsonb({**TASK, **keys}), Jsonb([{}] * tries), pick, None if judge is None else Jsonb(judge)],
        ).fetchall()
        return [Submitted(*row).number for row in rows]

    def claim(self, most: int = 10) -> dict[int, Run]:
        runs = self.db.claim(self.dispatcher, most).runs
        self.db.start(self.dispatcher, *runs)
        return {run.number: run for run in runs}

    def finish(self, run: Run, error: str | None = None, **report: object) -> None:
        said = {"final_text": f"answer of {run.number}"} | report
        assert self.db.finish(self.dispatcher, run, error, ran_s=1, **said) == "finished"

    def states(self, numbers: Sequence[int]) -> list[str]:
        """Status or wait_reason."""
        rows = self.db.rows(
            "select coalesce(wait_reason, status) || case when cancel_requested_at is not null and status = 'running'"
            " then ' (stops)' else '' end from tasks where number = any(%s) order by number",
            list(numbers),
        )
        return [str(row[0]) for row in rows]

    def tries(self, number: int) -> dict[str, object]:
        found = self.db.value("select show_task(%s) -> 'tries'", str(number))
        assert isinstance(found, dict)
        return found


@pytest.fixture
def contest(wide: Client) -> Contest:
    wide.limit("tool:claude", 1000)
    return Contest(wide)


def test_tries_are_tasks_with_one_name_and_a_label_that_selects_them_all(
    db: Client, contest: Contest
) -> None:
    db.run("select put_group('codex', 'codex', 'main', 5)")
    rows = db.rows(
        "select number, created, same from submit_tries(%s, %s)",
        Jsonb({**TASK, "model": "opus", "approve": True}),
        Jsonb(
            [{}, {"model": "haiku"}, {"tool": "codex"}, {"tool": "codex", "model": "o9", "account": "main"}]
        ),
    )
    assert rows == [(number, True, True) for number in (1, 2, 3, 4)]
    assert db.rows("select tool, model, account, name, labels, approve from tasks order by number") == [
        (tool, model, account, "fix", {"batch": "x", "tries": "1"}, True)
        for tool, model, account in (
            ("claude", "opus", None), ("claude", "haiku", None), ("codex", None, None), ("codex", "o9", "main"),
        )
    ]  # fmt: skip
    assert db.rows("select number from list_tasks('{\"labels\": {\"tries\": \"1\"}}') order by 1") == [
        (1,), (2,), (3,), (4,)
    ]  # fmt: skip


def test_the_first_that_succeeds_ends_the_others(db: Client, contest: Contest) -> None:
    numbers = contest.submit(4)
    runs = contest.claim(3)
    ear = db.another().connection
    ear.execute("listen task_cancel")
    contest.finish(runs[numbers[0]], "invalid_request")
    contest.finish(runs[numbers[2]])
    assert contest.states(numbers) == ["failed", "running (stops)", "succeeded", "canceled"]
    assert [note.payload for note in ear.notifies(timeout=20, stop_after=1)] == [str(numbers[1])]
    assert contest.tries(numbers[0])["picked"] == numbers[2]
    assert db.rows("select number, error_message from tasks where status = 'canceled'") == [
        (numbers[3], f"task {numbers[2]} was picked")
    ]
    decided = db.value("select show_task(%s) -> 'decisions' -> 0", str(numbers[2]))
    assert isinstance(decided, dict)
    assert (decided["decision"], decided["decided_by"]) == ("picked", "rule 'first-green'")
    contest.finish(runs[numbers[1]], "canceled")
    assert contest.states(numbers) == ["failed", "canceled", "succeeded", "canceled"]
    assert db.value("select is_open from try_sets") is False
    assert db.drift() == []


def test_of_two_that_succeed_in_one_report_one_wins(db: Client, contest: Contest) -> None:
    numbers = contest.submit(3)
    runs = contest.claim()
    reports = [{"run_id": runs[n].id, "error_class": None, "final_text": "done"} for n in numbers[:2]]
    assert db.finish_all(contest.dispatcher, reports) == ["finished", "finished"]
    assert contest.states(numbers) == ["succeeded", "canceled", "running (stops)"]
    assert db.rows("select status from task_runs order by run_no, claimed_at, status") == [
        ("running",), ("succeeded",), ("succeeded",),
    ]  # fmt: skip
    assert db.drift() == []


def test_one_that_succeeds_although_it_was_asked_to_stop_does_not_win_as_well(
    db: Client, contest: Contest
) -> None:
    numbers = contest.submit(2)
    runs = contest.claim()
    contest.finish(runs[numbers[0]])
    contest.finish(runs[numbers[1]])
    assert contest.states(numbers) == ["succeeded", "canceled"]
    assert db.value("select error_message from tasks where number = %s", numbers[1]) == (
        f"task {numbers[0]} was picked"
    )
    assert db.value("select final_text from task_runs order by finished_at desc limit 1") is not None


@pytest.mark.parametrize("round_", range(8))
def test_of_two_that_succeed_at_two_dispatchers_at_once_one_wins_without_a_deadlock(
    db: Client, contest: Contest, round_: int
) -> None:
    numbers = contest.submit(6)
    sessions = [db.another() for _ in range(3)]
    dispatchers = [db.dispatcher(host=f"host{n}") for n in range(3)]
    runs = [session.claim(me, 2).runs for session, me in zip(sessions, dispatchers, strict=True)]

    def report(n: int) -> None:
        ended = {str(run.id) for run in (runs[n] if (n + round_) % 2 else runs[n][::-1])}
        while ended:  # those that another report holds just now are reported again
            reports = Jsonb([{"run_id": run, "error_class": None, "final_text": "x"} for run in ended])
            verdicts = sessions[n].value(
                "select report_and_claim(%s, %s) -> 'verdicts'", dispatchers[n], reports
            )
            assert isinstance(verdicts, dict)
            assert set(verdicts.values()) <= {"finished", "held"}
            ended = {run for run, verdict in verdicts.items() if verdict == "held"}

    all_at_once([lambda n=n: report(n) for n in range(3)])  # type: ignore[misc]
    assert sorted(contest.states(numbers)) == ["canceled"] * 5 + ["succeeded"]
    winner = db.value("select number from tasks where status = 'succeeded'")
    assert contest.tries(numbers[0])["picked"] == winner
    assert db.drift() == []


def test_people_and_two_dispatchers_at_once_neither_deadlock_nor_pick_twice(
    db: Client, contest: Contest
) -> None:
    sets = [contest.submit(3) for _ in range(6)]
    every = [number for numbers in sets for number in numbers]
    others = [db.dispatcher(host=f"host{n}") for n in range(2)]
    sessions = [db.another() for _ in range(5)]
    runs = [sessions[n].claim(others[n], 9).runs for n in range(2)]

    def report(n: int) -> None:
        for k in range(0, 9, 3):
            sessions[n].finish_all(
                others[n], [{"run_id": run.id, "error_class": None} for run in runs[n][k : k + 3][::-1]]
            )

    def people(n: int) -> None:
        for number in every[:: 1 if n % 2 else -1]:
            select = Jsonb({"numbers": [number, every[0], every[-1]]})
            sessions[n].run("select act_on_tasks(%s, %s)", "retry" if n == 4 else "cancel", select)

    all_at_once([lambda: report(0), lambda: report(1), *(lambda n=n: people(n) for n in (2, 3, 4))])
    for numbers in sets:
        picked = contest.tries(numbers[0])["picked"]
        assert picked is None or picked in numbers
    assert db.drift() == []


def test_with_approval_the_one_that_is_approved_wins(db: Client, contest: Contest) -> None:
    numbers = contest.submit(3, approve=True)
    runs = contest.claim()
    for number in numbers[:2]:
        contest.finish(runs[number])
    assert contest.states(numbers) == ["approval", "approval", "running"]
    db.run("select approve_task(%s)", str(numbers[1]))
    assert contest.states(numbers) == ["canceled", "succeeded", "running (stops)"]
    with refused("LD409", f"task {numbers[0]} was canceled"):
        db.run("select approve_task(%s)", str(numbers[0]))


def test_of_two_that_are_approved_together_one_wins(db: Client, contest: Contest) -> None:
    numbers = contest.submit(2, approve=True)
    for run in contest.claim().values():
        contest.finish(run)
    db.run('select act_on_tasks(\'approve\', \'{"labels": {"batch": "x"}}\')')
    assert contest.states(numbers) == ["succeeded", "canceled"]


def test_when_all_have_failed_nobody_wins_and_one_that_is_tried_again_still_can(
    db: Client, contest: Contest
) -> None:
    numbers = contest.submit(2)
    for run in contest.claim().values():
        contest.finish(run, "invalid_request")
    assert contest.tries(numbers[0])["picked"] is None
    assert db.value("select is_open from try_sets") is False
    db.run('select act_on_tasks(\'retry\', \'{"labels": {"batch": "x"}}\')')
    assert db.value("select is_open from try_sets") is True
    runs = contest.claim()
    contest.finish(runs[numbers[1]])
    assert contest.states(numbers) == ["running (stops)", "succeeded"]


def test_a_loser_that_somebody_tries_again_is_a_task_like_any_other(db: Client, contest: Contest) -> None:
    numbers = contest.submit(2)
    runs = contest.claim(1)
    contest.finish(runs[numbers[0]])
    db.run("select retry_task(%s)", str(numbers[1]))
    [again] = contest.claim().values()
    contest.finish(again)
    assert contest.states(numbers) == ["succeeded", "succeeded"]
    assert contest.tries(numbers[0])["picked"] == numbers[0]


def test_other_tasks_in_the_report_of_a_winner_end_as_they_do_without_it(
    db: Client, contest: Contest
) -> None:
    numbers = contest.submit(2)
    [alone] = db.submit_some()
    runs = contest.claim()
    reports: list[dict[str, object]] = [
        {"run_id": runs[alone].id, "error_class": None, "final_text": "alone"},
        {"run_id": runs[numbers[0]].id, "error_class": None},
    ]
    db.finish_all(contest.dispatcher, reports)
    assert contest.states([*numbers, alone]) == ["succeeded", "running (stops)", "succeeded"]


def test_a_judge_waits_for_all_and_gets_what_they_answered_and_changed(db: Client, contest: Contest) -> None:
    *numbers, judge = contest.submit(3, "judge", labels={})
    assert contest.states([judge]) == ["dependency"]
    assert db.value("select why_waiting(%s)", str(judge)) == (
        f"chooses among the tries when these have ended: {numbers[0]}, {numbers[1]}, {numbers[2]}"
    )
    runs = contest.claim()
    assert set(runs) == set(numbers)
    patch(db, runs[numbers[0]], b"diff --git a/x b/x\n")
    contest.finish(runs[numbers[0]])
    contest.finish(runs[numbers[1]], "invalid_request")
    contest.finish(runs[numbers[2]])
    [run] = contest.claim().values()
    assert run.number == judge
    assert run.answer["has_input_files"] is True
    assert db.rows(
        "select path, convert_from(content, 'UTF8') from input_files_of(%s)", run.answer["task_id"]
    ) == [
        (f"tries/{numbers[0]}.patch", "diff --git a/x b/x\n"),
        (f"tries/{numbers[0]}.txt", f"Task {numbers[0]}, by claude.\n\nanswer of {numbers[0]}"),
        (f"tries/{numbers[2]}.txt", f"Task {numbers[2]}, by claude.\n\nanswer of {numbers[2]}"),
    ]
    prompt = str(run.answer["prompt"])
    assert "\n\nPICK: NUMBER\n\nThe task was:\n\nfix it" in prompt
    contest.finish(run, final_text=f"PICK: 99\nNo, the other one.\n**PICK: {numbers[2]}**")
    assert contest.tries(judge)["picked"] == numbers[2]
    assert contest.states([*numbers, judge]) == ["succeeded", "failed", "succeeded", "succeeded"]
    decided = db.value("select show_task(%s) -> 'decisions' -> 0", str(numbers[2]))
    assert isinstance(decided, dict)
    assert (decided["decision"], decided["decided_by"]) == ("picked", f"task {judge}")
    assert "the other one" in decided["message"]
    assert db.drift() == []


def patch(db: Client, run: Run, content: bytes, size: int | None = None) -> None:
    """Store the patch of a run, as its dispatcher does; with a size it lies elsewhere."""
    db.run(
        "insert into task_files (task_id, run_id, path, is_input, content, storage_url, size_bytes, sha256)"
        " select task_id, id, '.llmctl/changes.patch', false, %s, %s, %s, '' from task_runs where id = %s",
        None if size else content,
        "file:///x" if size else None,
        size or len(content),
        run.id,
    )


def test_a_judge_is_told_which_patch_it_does_not_get_or_not_all_of(db: Client, contest: Contest) -> None:
    *numbers, judge = contest.submit(2, "judge")
    runs = contest.claim()
    patch(db, runs[numbers[0]], b"", size=99_000_000)
    patch(db, runs[numbers[1]], b"+" * 2_000_000)
    for run in runs.values():
        contest.finish(run)
    rows = db.rows(
        "select path, content from input_files_of((select id from tasks where number = %s))", judge
    )
    files = {str(path): content for path, content in rows if isinstance(content, bytes)}
    assert set(files) == {f"tries/{numbers[0]}.txt", f"tries/{numbers[1]}.txt", f"tries/{numbers[1]}.patch"}
    assert len(files[f"tries/{numbers[1]}.patch"]) == 2**20
    assert b"left out: the patch has 99000000 bytes" in files[f"tries/{numbers[0]}.txt"]
    assert b"cut off: the patch has 2000000 bytes" in files[f"tries/{numbers[1]}.txt"]


@pytest.mark.parametrize("answer", ["the second one", "PICK: 99", "PICK: none", ""])
def test_a_judge_that_names_nobody_is_told_so_and_tries_again_and_at_last_fails(
    db: Client, contest: Contest, answer: str
) -> None:
    *numbers, judge = contest.submit(2, "judge", {"max_attempts": 2})
    for run in contest.claim().values():
        contest.finish(run)
    [run] = contest.claim().values()
    contest.finish(run, final_text=answer, session_id="j")
    [again] = contest.claim().values()
    assert (again.number, again.answer["goes_on"]) == (judge, True)
    assert "End it with a line: PICK: NUMBER" in str(again.answer["follow_up"])
    contest.finish(again, final_text=answer, session_id="j")
    assert db.one("select status, error_class from tasks where number = %s", judge) == ("failed", "no_pick")
    assert contest.tries(judge)["picked"] is None
    assert f"`llmctl pick {judge} NUMBER`" in str(
        db.value("select error_message from tasks where number = %s", judge)
    )
    db.run("select retry_task(%s)", str(judge))
    [last] = contest.claim().values()
    contest.finish(last, final_text=f"PICK: {numbers[0]}")
    assert contest.tries(judge)["picked"] == numbers[0]
    assert db.drift() == []


def test_when_no_try_succeeded_the_judge_is_canceled_and_comes_back_with_a_try(
    db: Client, contest: Contest
) -> None:
    *numbers, judge = contest.submit(3, "judge")
    runs = contest.claim()
    for number in numbers[:2]:
        contest.finish(runs[number], "invalid_request")
    db.run("select cancel_task(%s)", str(numbers[2]))
    contest.finish(runs[numbers[2]], "canceled")
    assert db.one("select status, error_message from tasks where number = %s", judge) == (
        "canceled", "none of its tries succeeded",
    )  # fmt: skip
    db.run("select act_on_tasks('retry', %s)", Jsonb({"numbers": numbers[:2]}))
    assert contest.states([judge]) == ["dependency"]
    for run in contest.claim().values():
        contest.finish(run)
    assert list(contest.claim()) == [judge]
    assert db.drift() == []


def test_a_single_try_that_succeeded_is_picked_without_paying_for_a_judge(
    db: Client, contest: Contest
) -> None:
    *numbers, judge = contest.submit(2, "judge")
    runs = contest.claim()
    contest.finish(runs[numbers[0]], "invalid_request")
    contest.finish(runs[numbers[1]])
    assert contest.states([judge]) == ["succeeded"]
    assert contest.tries(judge)["picked"] == numbers[1]
    assert db.value("select result ->> 'text' from read_results(%s)", [str(judge)]) == (
        f"PICK: {numbers[1]}\nNo other try succeeded."
    )


def test_a_judge_does_not_wait_for_people_and_what_it_picks_waits_for_them(
    db: Client, contest: Contest
) -> None:
    *numbers, judge = contest.submit(2, "judge", approve=True)
    for run in contest.claim().values():
        contest.finish(run)
    [run] = contest.claim().values()
    assert run.number == judge
    contest.finish(run, final_text=f"PICK: {numbers[1]}")
    assert contest.states(numbers) == ["canceled", "approval"]
    db.run("select approve_task(%s)", str(numbers[1]))
    assert contest.states(numbers) == ["canceled", "succeeded"]


def test_to_cancel_the_last_try_lets_the_judge_begin(db: Client, contest: Contest) -> None:
    *numbers, judge = contest.submit(3, "judge")
    runs = contest.claim(2)
    for run in runs.values():
        contest.finish(run)
    assert contest.states([judge]) == ["dependency"]
    db.run("select cancel_task(%s)", str(numbers[2]))
    assert list(contest.claim()) == [judge]


def test_to_cancel_all_cancels_the_judge(db: Client, contest: Contest) -> None:
    every = contest.submit(2, "judge")
    assert db.value("select matched from act_on_tasks('cancel', %s)", Jsonb({"numbers": every})) == 3
    assert contest.states(every) == ["canceled"] * 3
    assert db.value("select is_open from try_sets") is False


def test_runs_of_a_lost_host_count_as_tries_that_ended(db: Client, contest: Contest) -> None:
    *_, judge = contest.submit(2, "judge", max_attempts=1)
    lost = db.dispatcher(host="gone")
    db.claim(lost, 1)
    [run] = contest.claim(1).values()
    contest.finish(run)
    db.run("update dispatchers set lease_expires_at = now() - interval '1 day' where host = 'gone'")
    db.run("select recover_lost('gone')")
    assert contest.states([judge]) == ["succeeded"]
    assert contest.tries(judge)["picked"] == run.number
    assert db.drift() == []


def test_a_key_queues_a_set_once(db: Client, contest: Contest) -> None:
    first = contest.submit(2, "judge", idempotency_key="night")
    again = db.rows(
        "select number, created, same from submit_tries(%s, '[{}, {}]', 'judge')",
        Jsonb({**TASK, "idempotency_key": "night"}),
    )
    assert again == [(number, False, True) for number in first]
    assert db.value("select count(*) from try_sets") == 1
    with refused("LD409", 'the key "night" is known with another number of tries'):
        contest.submit(3, idempotency_key="night")
    assert db.value("select count(*) from tasks") == 3


@pytest.mark.parametrize(("arguments", "sentence"), [
    (({**TASK}, [{}], "judge", None), "1 is not a valid number of tries: expected 2 to 20"),
    (({**TASK}, [{}] * 21, "judge", None), "21 is not a valid number of tries: expected 2 to 20"),
    (({**TASK}, "x", "judge", None), "variants must be a list of JSON objects, one for each try"),
    (({**TASK}, [{}, 3], "judge", None), "variants must be a list of JSON objects, one for each try"),
    (({**TASK}, [{}, {"prompt": "y"}], "judge", None), '"prompt" is not a valid key of a try: expected tool, model or'),
    (({**TASK}, [{}, {}], "best", None), "'best' is not a valid pick: expected first-green or judge"),
    (({**TASK}, [{}, {}], "first-green", {}), "a judge needs pick judge"),
    (({**TASK}, [{}, {}], "judge", 3), "the judge must be a JSON object"),
    (({**TASK, "session_id": "s"}, [{}, {}], "judge", None), "several tries cannot continue one session"),
    (("x", [{}, {}], "judge", None), "a task must be a JSON object"),
    (({**TASK, "priority": 99}, [{}, {}], "judge", None), "task 1: priority must be a number from 1 to 9"),
    (({**TASK}, [{}, {"tool": "nope"}], "judge", None), "unknown tool 'nope'"),
    (({**TASK}, [{}, {}], "judge", {"prompt": 3, "x": 1}), "task 3: x is not a key of a task"),
])  # fmt: skip
def test_what_cannot_be_queued_is_refused(
    db: Client, contest: Contest, arguments: tuple[object, object, str, object], sentence: str
) -> None:
    task, variants, pick, judge = arguments
    with refused("LD400", sentence):
        db.run("select submit_tries(%s, %s, %s, %s)", Jsonb(task), Jsonb(variants), pick,
               None if judge is None else Jsonb(judge))  # fmt: skip
    assert db.value("select count(*) from tasks") == 0


def test_show_says_what_the_tries_are_and_what_they_cost(db: Client, contest: Contest) -> None:
    *numbers, judge = contest.submit(2, "judge")
    for run in contest.claim().values():
        contest.finish(run, cost_usd=0.25)
    [run] = contest.claim().values()
    contest.finish(run, final_text=f"PICK: {numbers[0]}", cost_usd=0.5)
    member = {"tool": "claude", "model": None, "account": None, "status": "succeeded", "wait_reason": None,
              "cost_usd": 0.25}  # fmt: skip
    assert contest.tries(numbers[1]) == {
        "pick": "judge", "judge": judge, "picked": numbers[0], "cost_usd": 1.0,
        "tries": [{"number": number, **member} for number in numbers],
    }  # fmt: skip


def test_a_reply_to_a_try_is_no_try(db: Client, contest: Contest) -> None:
    numbers = contest.submit(2)
    runs = contest.claim(1)
    contest.finish(runs[numbers[0]], session_id="s")
    reply = db.value("select number from reply_task(%s, 'go on')", str(numbers[0]))
    assert db.value("select show_task(%s) -> 'tries'", str(reply)) is None


def test_a_set_goes_with_its_last_task(db: Client, contest: Contest) -> None:
    contest.submit(2)
    for run in contest.claim().values():
        contest.finish(run, "invalid_request")
    db.run("select prune_tasks(-1, 1)")
    assert db.value("select count(*) from try_sets") == 1
    db.run("select prune_tasks(-1, 1)")
    assert db.value("select count(*) from try_sets") == 0


def test_a_person_picks_where_a_judge_names_none(db: Client, contest: Contest) -> None:
    first, second, judge = contest.submit(2, "judge", {"max_attempts": 1})
    for run in contest.claim().values():
        contest.finish(run)
    [run] = contest.claim().values()
    contest.finish(run, final_text="neither")
    with refused(
        "LD400", f"task {judge} is not one of the tries of task {judge}: expected {first}, {second}"
    ):
        db.run("select choose_try(%s, %s)", str(judge), str(judge))
    with refused("LD400", f"task {first} judges no tries"):
        db.run("select choose_try(%s, %s)", str(first), str(second))
    with refused("LD404", "there is no task 99"):
        db.run("select choose_try(%s, '99')", str(judge))
    for _ in range(2):
        db.run("select choose_try(%s, %s, 'the shorter one')", str(judge), str(second))
    assert contest.tries(judge)["picked"] == second
    with refused("LD409", f"task {second} is picked already"):
        db.run("select choose_try(%s, %s)", str(judge), str(first))
    decided = (
        "select decision, message, decided_by from task_decisions join tasks on tasks.id = task_id"
        " where number = %s"
    )
    [(decision, message, by)] = db.rows(decided, second)
    assert (decision, message) == ("picked", "the shorter one")
    assert "task" not in str(by)
    assert db.drift() == []


def test_a_person_who_picks_before_the_judge_ends_what_has_not_ended(db: Client, contest: Contest) -> None:
    first, second, judge = contest.submit(2, "judge")
    runs = contest.claim()
    with refused("LD409", f"task {second} is running: only a try with a result can be picked"):
        db.run("select choose_try(%s, %s)", str(judge), str(second))
    contest.finish(runs[first])
    db.run("select choose_try(%s, %s)", str(judge), str(first))
    assert contest.tries(judge)["picked"] == first
    assert db.value("select status from tasks where number = %s", judge) == "canceled"
    contest.finish(runs[second], "canceled")
    assert db.value("select status from tasks where number = %s", second) == "canceled"
    assert not contest.claim()
    assert db.drift() == []
