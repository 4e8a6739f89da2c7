"""The directory of an agent with a session is kept as long as the session may be continued, and no longer."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.dispatcher.run.printed import printed
from tests.fixtures.dispatchers import Dispatcher, Site

GOES_ON = """
echo '{"session": "s-1"}'
if test -e begun; then
    GATE
    echo made >made.txt
    echo '{"answer": "went on"}'
else
    touch begun
    exec sleep 1000
fi
"""
"""Its first run waits until it is stopped; the run that continues the session ends."""


@pytest.fixture
def site(site: Site) -> Site:
    tool = {"argv": ["sh", "{prompt_file}"], "output": "jsonl", "answer": "answer", "session": "session"}
    site.configure("tools", talker=tool)
    site.configure("groups", talker={"tool": "talker", "env": {"SITE": str(site.directory)}})
    site.configure("dispatcher", heartbeat_interval=0.1, lease_interval=60)
    return site


def begin(site: Site, gate: str = "", **fields: object) -> tuple[Dispatcher, int]:
    """Start a dispatcher and a task whose first run waits to be stopped."""
    number = site.submit(GOES_ON.replace("GATE", gate), tool="talker", max_attempts=1, **fields)
    dispatcher = site.start()
    site.wait_until((site.workspace(number) / "work" / "begun").exists)
    site.wait_for("running", number)
    return dispatcher, number


def stop_now(dispatcher: Dispatcher) -> None:
    dispatcher.signal(signal.SIGTERM)
    dispatcher.wait_for("draining")
    dispatcher.signal(signal.SIGTERM)


def reports_are_waiting(site: Site) -> bool:
    site.sql("NOTIFY dispatcher_heartbeat")  # so that one more look follows: heartbeats wait for the report
    waiting = "query LIKE '%%finish_runs%%' AND wait_event_type = 'Lock' AND datname = current_database()"
    return bool(site.sql(f"SELECT FROM pg_stat_activity WHERE {waiting}"))


def wait_for_cleaning(site: Site) -> None:
    """Return when a dispatcher that was just started has looked for leftovers and for expired directories."""
    site.wait_until(lambda: not expired(site).exists())


def expired(site: Site) -> Path:
    return site.workspace(1_000_000)


def leave_expired(site: Site) -> None:
    expired(site).mkdir(parents=True)
    (expired(site) / "kept").touch()
    os.utime(expired(site) / "kept", (time.time() - 1, time.time() - 1))


def test_a_session_outlives_a_crash_between_its_report_and_the_cleaning_up(site: Site) -> None:
    dispatcher, number = begin(site)
    site.wait_until(lambda: printed(site, number))

    with site.elsewhere() as other, other.transaction():
        other.execute("SELECT FROM worker_groups FOR UPDATE")
        stop_now(dispatcher)
        site.wait_until(lambda: reports_are_waiting(site))
        dispatcher.kill()
    # The report was being sent: the dispatcher never learns that the database stored it.
    site.wait_until(lambda: site.runs(number)[0]["status"] == "interrupted")
    site.sql("SELECT pause_group('talker', 'until all is cleaned up')")
    leave_expired(site)
    site.start()
    wait_for_cleaning(site)
    site.sql("SELECT resume_group('talker')")

    site.wait_for("succeeded", number)
    assert site.task(number)["result"]["text"] == "went on"
    assert [run["directory"] for run in site.runs(number)] == [f"{number}-1"] * 2


def test_a_directory_in_which_another_run_goes_on_is_no_leftover(site: Site) -> None:
    gate = site.gate()
    site.configure("execution", cleanup="never")
    first, number = begin(site, f"touch going-on; {gate.pass_through}", output_files=["made.txt"])
    stop_now(first)
    assert first.wait() == 0
    second = site.start()
    site.wait_until((site.workspace(number) / "work" / "going-on").exists)
    second.kill()
    site.configure("execution", cleanup="always")
    leave_expired(site)
    site.start()
    wait_for_cleaning(site)

    gate.open()

    site.wait_for("succeeded", number)
    assert site.task(number)["result"]["output_files"] == ["made.txt"]


def test_of_a_session_nothing_is_kept_but_its_directory_whatever_the_agent_made_beside_it(site: Site) -> None:
    end = """echo '{"session": "s-1", "answer": "done"}'"""
    number = site.submit(f"mkdir ../second; touch ../second/file; ln -s second ../link; {end}", tool="talker")

    site.run()

    assert sorted(entry.name for entry in site.workspace(number).iterdir()) == ["kept", "work"]


def test_where_no_session_is_kept_a_task_that_was_cut_short_leaves_nothing_behind_in_the_end(
    site: Site,
) -> None:
    site.configure("execution", keep_sessions=0)
    dispatcher, number = begin(site)
    stop_now(dispatcher)
    assert dispatcher.wait() == 0
    assert (site.workspace(number) / "kept").exists()

    site.run()

    assert site.task(number)["result"]["text"] == "went on"
    assert not site.workspace(number).exists()
    assert not site.workspace(number, 2).exists()


@pytest.mark.parametrize("cleanup", ["always", "never"])
def test_what_is_left_of_runs_that_a_restored_database_forgot_is_in_nobody_s_way(
    site: Site, cleanup: str
) -> None:
    site.configure("execution", cleanup=cleanup)
    end = """echo '{"session": "s-1", "answer": "done"}'"""
    number = site.submit(f"touch old; {end}", tool="talker")
    site.run()
    assert (site.workspace(number) / "work" / "old").exists()

    # As after a restore from an older dump: the number is given again.
    site.sql("DELETE FROM tasks")
    site.sql("ALTER TABLE tasks ALTER number RESTART")
    assert site.submit(f"test ! -e old && {end}", tool="talker", max_attempts=1) == number
    dispatcher = site.run()

    assert site.task(number)["status"] == "succeeded", dispatcher.story()
    aside = [path / "work" / "old" for path in site.workspace(number).parent.glob(f"{number}-1.*")]
    assert [file.exists() for file in aside] == ([True] if cleanup == "never" else [])


def test_a_workspace_that_cannot_be_read_keeps_no_other_from_being_removed(site: Site) -> None:
    leave_expired(site)
    for number in range(1, 9):
        site.workspace(number).mkdir()
    for number in (3, 6):
        (site.workspace(number) / "run").mkdir()
    dispatcher = site.start()

    wait_for_cleaning(site)

    left = [number for number in range(1, 9) if site.workspace(number).exists()]
    assert left == [3, 6], "nobody knows what they are"
    for number in left:
        dispatcher.wait_for(
            "an old workspace cannot be removed",
            path=str(site.workspace(number)),
            error=f"[Errno 22] is not a regular file any more: '{site.workspace(number)}/run'",
        )


ELSEWHERE = {
    "the mark": "ln -s $SITE/elsewhere/absent ../kept",
    "the mark, by another name of a file": "ln $SITE/elsewhere/file ../kept",
    "the workspace": (
        "here=$(dirname $PWD); ln ../stdout.log $SITE/elsewhere; mv $here $SITE/moved; ln -s $SITE/elsewhere $here"
    ),
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_what_is_kept_of_a_session_is_never_elsewhere_wherever_a_link_leads(site: Site, what: str) -> None:
    elsewhere = site.directory / "elsewhere"
    (elsewhere / "directory").mkdir(parents=True)
    (elsewhere / "file").write_text("precious")
    before = (elsewhere / "file").stat().st_mtime
    site.submit(
        f"""{ELSEWHERE[what]}; echo '{{"session": "s-1", "answer": "done"}}'""", tool="talker", max_attempts=1
    )

    site.run()

    assert {path.name for path in elsewhere.iterdir()} - {"stdout.log"} == {"directory", "file"}
    assert (elsewhere / "file").read_text() == "precious"
    assert (elsewhere / "file").stat().st_mtime == before
