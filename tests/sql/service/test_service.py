"""Which dispatcher may run which group: what a host lacks, who drains, who is gone, and who has not been heard."""

from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import BOOT_ID, Client
from tests.sql.clock import Clock
from tests.sql.concurrently import PATIENCE_S, in_background, until_blocked

LACKS = {"main": "claude is not installed"}


@pytest.fixture
def me(db: Client) -> UUID:
    db.group("main", slots=4)
    return db.dispatcher()


def group(db: Client, name: str = "main") -> tuple[object, ...]:
    return db.one("select state, reason from list_groups() where group_name = %s", name)


def why(db: Client, number: int) -> object:
    return db.value("select why_waiting(%s)", str(number))


def close(db: Client, dispatcher: UUID, reasons: dict[str, str]) -> list[tuple[object, ...]]:
    return db.rows("select * from close_groups(%s, %s)", dispatcher, Jsonb(reasons))


def test_a_run_that_its_host_could_not_start_closes_the_group_there_and_uses_up_no_attempt(
    db: Client, me: UUID
) -> None:
    number = db.submit(max_attempts=1).number
    [run] = db.claim(me).runs
    db.finish(me, run, "unusable_here", error_message="claude is not installed")

    assert db.one("select status, wait_reason, attempt from tasks") == ("queued", None, 0)
    assert db.claim(me).runs == []
    said = "cannot run on here: claude is not installed"
    assert group(db) == ("paused", f"{said}; `llmctl group resume main` tries again")
    assert why(db, number) == f"main {said} (`llmctl group resume main` tries again)"
    assert db.value("select ready_task_waits_for('claude', null)") == "paused"
    assert db.value("select has_work(%s)", me) is False

    other = db.dispatcher("elsewhere")
    assert group(db) == ("open", f"{said}; `llmctl group resume main` tries again"), "a remark"
    assert why(db, number) == "about to start"
    assert db.claim(other).numbers == [number]
    assert db.drift() == []


def test_a_pinned_task_is_not_claimed_where_its_account_cannot_run(db: Client, me: UUID) -> None:
    db.submit(account="main")
    close(db, me, LACKS)
    assert db.claim(me).runs == []
    assert len(db.claim(db.dispatcher("elsewhere")).runs) == 1


def test_another_account_takes_the_task_that_one_cannot_run(db: Client, me: UUID) -> None:
    db.group("spare")
    close(db, me, LACKS)
    db.submit()
    assert [run.group for run in db.claim(me).runs] == ["spare"]


@pytest.mark.parametrize(
    "opens", ["resume_group('main')", "reopen_group('main')", "reopen_group('main', 'here')"]
)
def test_a_closed_group_opens_again_and_wakes_the_dispatchers(db: Client, me: UUID, opens: str) -> None:
    close(db, me, LACKS)
    number = db.submit().number
    ear = db.another()
    ear.run("listen task_ready")
    db.connection.execute(f"select {opens}")
    assert [note.channel for note in ear.connection.notifies(timeout=5, stop_after=1)] == ["task_ready"]
    assert group(db) == ("open", None)
    assert db.claim(me).numbers == [number]


def test_to_open_a_group_on_another_host_opens_it_there_only(db: Client, me: UUID) -> None:
    close(db, me, LACKS)
    db.run("select reopen_group('main', 'elsewhere')")
    assert group(db)[0] == "paused"


def test_a_dispatcher_says_anew_what_it_lacks_and_learns_what_it_serves(db: Client) -> None:
    db.group("main")
    db.group("spare")
    db.group("not_mine")
    me = db.dispatcher(groups=["main", "spare"])
    assert close(db, me, LACKS | {"not_mine": "x"}) == [("main", LACKS["main"]), ("spare", None)]
    assert close(db, me, {"spare": "no key"}) == [("main", None), ("spare", "no key")]
    assert group(db) == ("open", None)


def test_a_pause_of_a_person_stays_when_the_host_has_what_it_lacked(db: Client, me: UUID) -> None:
    db.run("select pause_group('main', 'by me')")
    close(db, me, LACKS)
    assert group(db) == ("paused", "by me")
    close(db, me, {})
    assert group(db) == ("paused", "by me")


def test_a_dispatcher_that_drains_starts_nothing_and_others_need_not_leave_it_a_chance(
    db: Client, me: UUID
) -> None:
    number = db.submit().number
    db.run("select drain_dispatcher(%s)", me)
    assert db.rows("select alive, draining from list_dispatchers()") == [(True, True)]
    stopping = "is stopping and starts nothing more: start it again with `dispatcher run`"
    assert why(db, number) == f"the dispatcher on here {stopping}"
    assert db.value("select ready_task_waits_for('claude', null)") == "dispatcher"

    other = db.dispatcher("elsewhere")
    assert why(db, number) == "about to start"
    [run] = db.claim(other).runs
    report = Jsonb([{"run_id": str(run.id)}])
    answer = db.value("select report_and_claim(%s, %s, 1)", other, report)
    assert isinstance(answer, dict)
    assert answer["shared"] is False


def test_the_lease_of_a_dispatcher_that_is_gone_ends_at_once_and_a_heartbeat_puts_a_mistake_right(
    db: Client, me: UUID
) -> None:
    work_dir, database = db.one("select work_dir_id, database_id() from dispatchers")
    note = "select note_gone(%s, %s, %s)"
    assert db.value("select note_gone(%s, %s, 'another boot')", work_dir, database) is False
    assert db.value("select note_gone(%s, gen_random_uuid(), %s)", work_dir, BOOT_ID) is False
    number = db.submit().number
    assert why(db, number) == "about to start"

    assert db.value(note, work_dir, database, BOOT_ID) is True
    assert db.value(note, work_dir, database, BOOT_ID) is False, "it is no news any more"

    assert "no dispatcher is running" in str(why(db, number))
    db.run("select heartbeat(%s)", me)
    assert why(db, number) == "about to start"


def test_a_wait_for_a_dispatcher_that_is_late_says_when_it_was_heard(
    db: Client, me: UUID, time: Clock
) -> None:
    first, second = db.submit_some(2)
    time.passes(45)
    heard = "the dispatcher on here was last heard 45 s ago"
    assert why(db, first) == f"{heard}; about to start if it is alive"
    assert why(db, second) == f"waits for its turn: 1 like it ahead; {heard}"
    db.dispatcher("elsewhere")
    assert why(db, first) == "about to start"


def test_what_a_closed_dispatcher_could_not_run_is_forgotten(db: Client, me: UUID) -> None:
    close(db, me, LACKS)
    db.run("select close_dispatcher(%s)", me)
    assert group(db) == ("open", None)
    db.dispatcher()
    assert db.rows("select * from closed_groups") == []


def test_a_group_that_a_host_cannot_run_can_be_removed(db: Client, me: UUID) -> None:
    close(db, me, LACKS)
    db.run("select remove_group('main')")
    assert db.rows("select * from closed_groups") == []


def test_a_group_that_is_removed_while_its_dispatcher_closes_it_is_passed_over(db: Client, me: UUID) -> None:
    db.group("spare")
    removes, closes = db.another(), db.another()
    removes.run("begin")
    removes.run("select remove_group('main')")
    with in_background(lambda: close(closes, me, LACKS | {"spare": "no key"})) as answer:
        until_blocked(db, closes)
        removes.run("commit")
    assert answer.result(PATIENCE_S) == [("spare", "no key")]
