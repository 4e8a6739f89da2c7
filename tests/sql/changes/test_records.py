"""What is kept of a run's change and its commands, and where people see it."""

from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from dispatcher.database.connection import execute
from sql import calls, change_calls
from sql.rows.changes import Change
from tests.sql.changes.reports import BASE, HEAD, again, change, claimed, command, task, unrecorded
from tests.sql.client import Client
from tests.sql.clock import Clock
from tests.sql.refused import refused


@pytest.fixture
def me(db: Client) -> UUID:
    db.group("main", slots=3)
    return db.dispatcher()


def listed(db: Client, *tasks: int) -> list[dict[str, object]]:
    rows = db.value(
        "select coalesce(jsonb_agg(to_jsonb(c)), '[]') from list_changes(%s) as c",
        [str(task) for task in tasks],
    )
    assert isinstance(rows, list)
    return rows


def seen(db: Client) -> tuple[object, ...]:
    return db.one("select check_verdict, changed_files, insertions, deletions from list_tasks()")


def test_a_run_shows_its_change_and_its_commands_the_setup_first(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    commands = [command("check", "failed"), command("setup")]
    db.finish(me, run, "check_failed", change=change(), commands=commands, session_id="s")
    [(made, ran)] = db.rows("select change, commands from list_runs('1')")
    assert made == change()
    assert ran == [command("setup"), command("check", "failed")]
    shown = db.value("select show_task('1') #> '{runs,0,change}'")
    assert shown == change()


def test_a_report_that_repeats_changes_nothing_of_what_was_recorded(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    db.finish(me, run, change=change(), commands=[command()])
    report = {"change": change(files=99), "commands": [command(verdict="failed")]}
    assert db.finish(me, run, **report) == "already"  # type: ignore[arg-type]
    assert db.rows("select files, verdict from run_changes join run_commands using (run_id)") == [
        (2, "passed")
    ]


def test_a_report_that_is_listed_twice_counts_once(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    reports = [{"run_id": run.id, "change": change(files=files)} for files in (1, 2)]
    assert db.finish_all(me, reports) == ["finished", "already"]
    assert db.rows("select files from run_changes") == [(1,)]


def test_a_run_of_another_dispatcher_records_nothing(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    assert db.finish(db.dispatcher(), run, change=change(), commands=[command()]) == "stale"
    assert db.rows("select run_id from run_changes union all select run_id from run_commands") == []


def test_a_list_shows_what_the_last_run_changed_and_how_its_check_ended(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    db.finish(me, run, "check_failed", change=change(), commands=[command(verdict="failed")], session_id="s")
    assert seen(db) == ("failed", 2, 10, 3)
    second = again(db, me)
    assert seen(db) == (None, None, None, None)
    db.finish(me, second, "not_recorded", change=unrecorded())
    assert seen(db) == (None, None, None, None)
    assert db.value("select items #>> '{0,changed_files}' from list_page()") is None


def test_a_check_without_a_repository_shows_its_verdict(db: Client, me: UUID) -> None:
    run = claimed(db, me, repository=None, check_command="true")
    db.finish(me, run, commands=[command()])
    assert seen(db) == ("passed", None, None, None)


def test_the_newest_change_that_was_recorded_is_the_one_of_a_task(db: Client, me: UUID) -> None:
    run = claimed(db, me, name="shop", check_command="make", check_timeout_s=7)
    db.finish(me, run, "check_failed", change=change(), commands=[command(verdict="failed")], session_id="s")
    db.finish(me, again(db, me), "not_recorded", change=unrecorded())
    [row] = listed(db, 1)
    assert row == {
        "number": 1, "name": "shop", "status": "failed", "repository": "shop", "run_no": 1,
        "source": "/home/me/shop", "base_commit": BASE, "ref": "refs/llmctl/1/1", "head_commit": HEAD, "files": 2,
        "insertions": 10, "deletions": 3, "stat": change()["stat"], "problem": None, "kept_in": None,
        "check_command": "make check", "check_timeout_s": 7, "check_verdict": "failed", "approval": None,
        "title": "shop",
    }  # fmt: skip
    assert db.value("select stat from list_changes('{1}', p_with_stat => false)") is None


def test_a_task_of_which_nothing_could_be_recorded_says_where_its_work_is(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    db.finish(me, run, "not_recorded", change=unrecorded())
    [row] = listed(db, run.number)
    assert (row["run_no"], row["ref"], row["problem"], row["kept_in"]) == (
        1,
        None,
        "the disk is full",
        "/runs/1-1",
    )


def test_each_task_that_is_named_has_a_row_and_an_unknown_one_is_refused(db: Client, me: UUID) -> None:
    db.submit_some(2)
    assert [(row["number"], row["run_no"]) for row in listed(db, 2, 1, 2)] == [(1, None), (2, None)]
    with refused("LD404", "there is no task 9"):
        listed(db, 1, 9)


def test_how_far_an_approval_is_can_be_seen(db: Client, me: UUID) -> None:
    run = claimed(db, me, approve=True)
    assert listed(db, 1)[0]["approval"] == "asked"
    db.finish(me, run, change=change())
    assert listed(db, 1)[0]["approval"] == "waiting"
    db.run("update tasks set status = 'succeeded', wait_reason = null")
    assert listed(db, 1)[0]["approval"] == "approved"
    db.run("update tasks set status = 'failed', error_class = 'denied'")
    assert listed(db, 1)[0]["approval"] == "denied"


# What is recorded after the end of a run


def test_what_is_found_of_a_lost_run_is_kept_by_whoever_holds_its_directory(
    db: Client, me: UUID, time: Clock
) -> None:
    run = claimed(db, me)
    assert db.value("select keep_change(%s, %s, %s)", me, run.id, Jsonb(change())) is False, "it runs"
    db.run("select close_dispatcher(%s)", me)
    time.passes(90_000)
    assert db.value("select number from recover_lost()") == run.number

    stranger = db.dispatcher()
    assert db.value("select keep_change(%s, %s, %s)", stranger, run.id, Jsonb(change())) is False
    heir = db.value(
        "select register_dispatcher('here', 'boot', 1, 'test', work_dir_id, 60) from dispatchers where id = %s",
        me,
    )
    for found, files in ((unrecorded(), 0), (change(), 2), (change(files=9), 2), (unrecorded(), 2)):
        assert db.value("select keep_change(%s, %s, %s)", heir, run.id, Jsonb(found)) is True
        assert listed(db, 1)[0]["files"] == files
    with refused("LD410"):
        db.run("select keep_change(%s, %s, %s)", me, run.id, Jsonb(change()))


def test_runs_that_may_have_left_work_are_found_by_the_names_of_their_workspaces(
    db: Client, me: UUID, time: Clock
) -> None:
    recorded, failed = claimed(db, me), claimed(db, me)
    for run in (recorded, failed):
        db.value("select note_base(%s, %s, '/shop', %s)", me, run.id, BASE)
    db.finish(me, recorded, change=change())
    db.finish(me, failed, "not_recorded", change=unrecorded())
    given_up, early, other = claimed(db, me), claimed(db, me), claimed(db, me, repository=None)
    db.value("select note_base(%s, %s, '/shop', %s)", me, given_up.id, BASE)
    runs = (failed, recorded, given_up, early, other)
    names = [*(f"{run.number}-1" for run in runs), "trash", f"{failed.number}-2"]

    def found(dispatcher: UUID) -> list[tuple[object, ...]]:
        return db.rows(
            "select run_id, directory, source, base_commit from unrecorded_runs(%s, %s)", dispatcher, names
        )

    assert found(me) == [(failed.id, f"{failed.number}-1", "/shop", BASE)], "the others go on"
    db.run("select close_dispatcher(%s)", me)
    time.passes(90_000)
    db.rows("select recover_lost()")
    assert [row[0] for row in found(me)] == [failed.id, given_up.id]
    assert found(db.dispatcher()) == [], "another work directory"
    db.run("delete from run_changes")
    assert [row[0] for row in found(me)] == [given_up.id], "of the others no agent is known to have started"


def test_a_task_that_failed_because_it_was_not_recorded_says_where_its_work_is_once_it_is(
    db: Client, me: UUID
) -> None:
    run = claimed(db, me)
    db.finish(me, run, "not_recorded", error_message="it is kept in /runs/1-1", change=unrecorded())
    db.value("select keep_change(%s, %s, %s)", me, run.id, Jsonb(change()))
    said = "what the agent changed could not be recorded when it ended; since then it is recorded as refs/llmctl/1/1"
    assert task(db)["error_message"] == said
    assert db.value("select error_message from list_runs('1')") == said


# The base


def test_the_base_that_was_noted_first_stays_and_each_run_is_told(db: Client, me: UUID, time: Clock) -> None:
    run = claimed(db, me, ref="main")
    assert (run.answer["repository"], run.answer["ref"], run.answer["base_commit"]) == ("shop", "main", None)
    assert db.value("select note_base(%s, %s, '/shop', %s)", me, run.id, "a" * 40) is True
    assert db.value("select note_base(%s, %s, '/other', %s)", me, run.id, "b" * 64) is True
    assert db.value("select open_runs(%s) #>> '{0,run,base_commit}'", me) == "a" * 40
    db.finish(me, run, "agent_error")
    time.passes(375)
    second = again(db, me)
    assert (second.answer["source"], second.answer["base_commit"]) == ("/shop", "a" * 40)


def test_only_the_dispatcher_that_has_a_run_notes_its_base(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    assert db.value("select note_base(%s, %s, '/shop', %s)", db.dispatcher(), run.id, "a" * 40) is False
    assert db.value("select note_base(%s, %s, '/shop', %s)", me, uuid4(), "a" * 40) is False
    with refused("LD400", "'main' is not a valid commit"):
        db.run("select note_base(%s, %s, '/shop', 'main')", me, run.id)
    db.finish(me, run, "invalid_request")
    assert db.value("select note_base(%s, %s, '/shop', %s)", me, run.id, "a" * 40) is False
    assert task(db)["base_commit"] is None


def test_a_reply_counts_its_changes_from_the_commit_of_the_task_that_it_continues(
    db: Client, me: UUID
) -> None:
    run = claimed(db, me, check_command="make", no_changes="fail", approve=True)
    db.run("select note_base(%s, %s, '/shop', %s)", me, run.id, "a" * 40)
    db.finish(me, run, "invalid_request", session_id="s")
    db.run("select * from reply_task('1', 'go on')")
    reply = again(db, me)
    told = {
        key: reply.answer[key]
        for key in ("source", "base_commit", "check_command", "no_changes", "directory")
    }
    assert told == {
        "source": "/shop", "base_commit": "a" * 40, "check_command": "make", "no_changes": "fail",
        "directory": "1-1",
    }  # fmt: skip
    assert task(db)["approve"] is True


def test_the_tasks_that_a_reply_goes_on_with_are_known_the_nearest_first(db: Client, me: UUID) -> None:
    for _ in range(3):
        [run] = db.claim(me).runs if db.value("select count(*) from tasks") else [claimed(db, me)]
        db.finish(me, run, session_id="s")
        number = db.value("select max(number) from tasks")
        db.run("select * from reply_task(%s::text, 'go on')", number)
    assert execute(db.connection, change_calls.continued_tasks("4")) == [3, 2, 1]
    assert execute(db.connection, change_calls.continued_tasks("1")) == []
    with refused("LD404", "there is no task 99"):
        execute(db.connection, change_calls.continued_tasks("99"))


# What is odd


def test_the_client_reads_what_a_report_left_out(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    least = {"source": "/shop", "base_commit": BASE}
    ran = [{"kind": kind, "command": "make", "verdict": "stopped"} for kind in ("setup", "check")]
    db.finish(me, run, "canceled", change=least, commands=ran)
    [row] = execute(db.connection, calls.list_runs("1"))
    assert row.change == Change(source="/shop", base_commit=BASE)
    assert [(one.kind, one.output_tail, one.exit_code) for one in row.commands] == [
        ("setup", "", None), ("check", "", None)
    ]  # fmt: skip
    assert execute(db.connection, calls.show_task("1", 1)).runs == [row]
    [listed] = execute(db.connection, change_calls.list_changes(["1"]))
    assert (listed.ref, listed.files, listed.check_verdict) == (None, 0, "stopped")


def test_no_size_of_a_change_keeps_a_run_from_being_reported(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    stat = [{"path": f"{n}\n..\\é", "insertions": n, "deletions": None} for n in range(20_000)]
    odd = change(files=20_000, insertions=2**62, stat=stat, problem="p" * 100_000)
    tail = command(output_tail="x" * 100_000)
    assert db.finish(me, run, "question", question="?" * 100_000, change=odd, commands=[tail]) == "finished"
    assert db.one(
        "select jsonb_array_length(stat), files, insertions, length(problem), length(output_tail)"
        " from run_changes join run_commands using (run_id)"
    ) == (500, 20_000, 2**62, 10_000, 10_000)
    assert db.value("select length(question) from tasks") == 20_000
    second = claimed(db, me)
    db.finish(me, second, "check_failed", follow_up="x" * 100_000, session_id="t")
    assert len(str(again(db, me).answer["follow_up"])) == 20_000


def test_what_a_report_leaves_out_or_says_is_nothing_is_nothing(db: Client, me: UUID) -> None:
    run = claimed(db, me)
    assert db.finish(me, run, change=None, commands=[], question=None, follow_up=None) == "finished"
    assert db.rows("select change, commands from list_runs('1')") == [(None, [])]
    second = claimed(db, me)
    small = {"source": "/shop", "base_commit": BASE}
    assert db.finish(me, second, change=small, commands=None) == "finished"
    assert db.value("select change ->> 'files' from list_runs('2')") == "0"


def test_a_claim_counts_the_commands_and_what_is_to_be_told(db: Client, me: UUID) -> None:
    """Otherwise ten tasks with long commands would make a claim that a slow line does not bring in time."""
    db.run("select set_limit('tool:claude', 30)")
    db.group("wide", slots=30)
    db.submit_all([{"tool": "claude", "prompt": "p", "check_command": "x" * 30_000}] * 20)
    assert len(db.claim(me, 20).runs) == 9


# Submitting


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"repository": "shop", "workdir": "/x"}, "give repository or workdir, not both"),
        ({"ref": "main"}, "ref needs a repository"),
        ({"no_changes": "fail"}, "no_changes needs a repository"),
        ({"repository": "../shop"}, "repository must be a name under repositories in config.yaml, or an absolute"),
        ({"repository": "shop", "ref": "-x"}, "ref must be a branch, a tag or a commit"),
        ({"approve": "yes"}, "approve must be true or false"),
        ({"check_command": 1}, "check_command must be text"),
        ({"check_command": "x" * 40_000}, "check_command must be at most 32,000 bytes long"),
        ({"setup_timeout_s": 0}, "setup_timeout_s must be a whole number above 0"),
        ({"repository": "shop", "no_changes": "maybe"}, "no_changes must be succeed or fail"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_a_sentence(
    db: Client, me: UUID, keys: dict[str, object], complaint: str
) -> None:
    with refused("LD400", complaint):
        db.submit(**keys)
    with refused("LD400", complaint):
        db.run("select * from submit_task('claude', 'p', p_more => %s)", Jsonb(keys))


def test_an_empty_command_is_kept_since_it_stands_for_none(db: Client, me: UUID) -> None:
    run = claimed(db, me, setup_command="", check_command="")
    assert (run.answer["setup_command"], run.answer["check_command"]) == ("", "")


@pytest.mark.parametrize(
    "wrong",
    ["repository = ''", "ref = '-x'", "no_changes = 'maybe'", "check_command = repeat('x', 40000)",
     "setup_timeout_s = 0", "base_commit = 'main'"],
)  # fmt: skip
def test_the_table_takes_nothing_odd_from_whoever_writes_to_it_by_hand(
    db: Client, me: UUID, wrong: str
) -> None:
    db.submit()
    with refused("23514"):
        db.connection.execute(f"update tasks set {wrong}".encode())
