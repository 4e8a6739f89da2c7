"""`llmctl cancel`, `retry`, `hold`, `release` and `top`: on tasks that are named, and on all that are selected."""

import re

import psycopg
import pytest
from psycopg.sql import SQL

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.terminal import terminal

pytestmark = one_postgres


def statuses(llmctl: Llmctl) -> dict[str, str]:
    """What became of each task, by its name."""
    listed = llmctl("ls", "-o", "json").json()
    assert isinstance(listed, list)
    return {task["name"]: task["wait_reason"] or task["status"] for task in listed}


@pytest.fixture
def batch(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> dict[str, str]:
    """The numbers of four tasks by name: of the batch x one runs and two wait, and one waits that is of another."""
    numbers = {"runs": llmctl.submit("claude", "x", "--name", "runs", "--label", "batch=x")}
    dispatcher.start()
    for name in ("waits", "too"):
        numbers[name] = llmctl.submit("claude", "x", "--name", name, "--label", "batch=x", "--label", "a=b")
    numbers["other"] = llmctl.submit("claude", "x", "--name", "other", "--label", "batch=y")
    return numbers


def test_named_tasks_are_acted_on_at_once_and_each_that_refuses_is_told(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    done = llmctl.submit("claude", "x")
    dispatcher.run(final_text="yes")
    waiting = llmctl.submit("claude", "x", "--delay", "1h")

    canceled = llmctl("cancel", done, waiting)
    assert (canceled.code, canceled.out) == (5, f"task {waiting} canceled\n")
    assert canceled.err.splitlines()[0] == f"error: task {done} has already succeeded; it cannot be canceled"
    retried = llmctl("retry", waiting, done)
    assert (retried.code, retried.out) == (5, f"task {waiting} queued\n")
    assert f"task {done} has succeeded" in retried.err


def test_a_number_that_does_not_exist_changes_nothing(llmctl: Llmctl) -> None:
    waiting = llmctl.submit("claude", "x", "--name", "waits")
    refused = llmctl("cancel", waiting, "4711")
    assert (refused.code, refused.out) == (3, "")
    assert refused.err.startswith("error: there is no task 4711")
    assert statuses(llmctl) == {"waits": "queued"}


def test_cancel_by_label_acts_on_exactly_these(llmctl: Llmctl, batch: dict[str, str]) -> None:
    assert llmctl.ok("cancel", "-l", "batch=x", "-y") == "2 tasks canceled, 1 task asked to stop"
    shown = llmctl.ok("show", batch["runs"])
    assert "running, asked to stop" in shown
    assert statuses(llmctl) == {"runs": "running", "waits": "canceled", "too": "canceled", "other": "queued"}
    again = llmctl("cancel", "-l", "batch=x", "-y")
    assert (again.code, again.out, again.err) == (0, "", "there is no task to cancel\n")


@pytest.mark.parametrize(
    ("selector", "canceled"),
    [
        (["-l", "batch=x", "-l", "a=b"], {"waits", "too"}),
        (["-s", "waiting"], {"waits", "too", "other"}),
        (["--name", "o*"], {"other"}),
        (["--waiting", "held"], set()),
        (["1-2"], {"waits"}),
        (["--all"], {"waits", "too", "other"}),
        (["--tool", "codex"], set()),
        (["-g", "claude-main"], set()),
        (["--since", "1h", "--name", "wait"], {"waits"}),
        (["--until", "1h"], set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_selector_reaches_the_tasks_that_it_describes(
    llmctl: Llmctl, batch: dict[str, str], selector: list[str], canceled: set[str]
) -> None:
    assert llmctl("cancel", *selector, "-y").code == 0
    assert {name for name, status in statuses(llmctl).items() if status == "canceled"} == canceled


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        (["1"], "task 1 is not canceled, but succeeded"),
        (["--all", "-y"], "1 task not canceled, but succeeded"),
    ],
    ids=["named", "selected"],
)
def test_a_task_that_ends_while_it_is_asked_to_stop_is_not_called_canceled(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, database: str, selector: list[str], said: str
) -> None:
    llmctl.submit("claude", "x")
    [run] = dispatcher.start()
    report = f'[{{"run_id": "{run}", "ran_s": 2, "final_text": "yes"}}]'
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            SQL(
                """
                CREATE FUNCTION end_at_once() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    PERFORM finish_runs({}, {});
                    RETURN NULL;
                END $$;
                CREATE TRIGGER ends_at_once AFTER UPDATE OF cancel_requested_at ON tasks
                EXECUTE FUNCTION end_at_once()
                """
            ).format(dispatcher.id, report)
        )
    canceled = llmctl("cancel", *selector)
    assert (canceled.code, canceled.out, canceled.err) == (0, f"{said}\n", "")


def test_without_a_selector_nothing_is_changed(llmctl: Llmctl, batch: dict[str, str]) -> None:
    for verb in ("cancel", "retry", "hold", "release", "top", "edit"):
        refused = llmctl(verb, "-y", *(["--set", "priority=8"] if verb == "edit" else []))
        assert (refused.code, refused.out) == (2, "")
        assert "no task is selected" in refused.err
        assert "--all" in refused.err
    assert "canceled" not in statuses(llmctl).values()


def test_a_pipe_is_refused_without_yes(llmctl: Llmctl, batch: dict[str, str]) -> None:
    refused = llmctl("cancel", "-l", "batch=x", stdin="y\n")
    assert (refused.code, refused.out) == (2, "")
    assert "Cancel 3 tasks (1 running, 2 queued)?" in refused.err
    assert "-y" in refused.err
    assert "canceled" not in statuses(llmctl).values()


@pytest.mark.parametrize(
    ("answer", "code", "status"), [("y", 0, "canceled"), ("n", 1, "queued"), ("", 1, "queued")]
)
def test_a_terminal_is_asked_and_obeyed(
    llmctl: Llmctl, batch: dict[str, str], answer: str, code: int, status: str
) -> None:
    with terminal(llmctl, "cancel", "-l", "a=b") as window:
        window.until_shown("Cancel 2 tasks (2 queued)? [y/N]")
        window.type(f"{answer}\n")
        assert window.ended() == code
    assert statuses(llmctl)["waits"] == statuses(llmctl)["too"] == status


def test_what_was_confirmed_is_what_happens(llmctl: Llmctl, batch: dict[str, str]) -> None:
    with terminal(llmctl, "cancel", "-l", "a=b") as window:
        window.until_shown("Cancel 2 tasks")
        llmctl.submit("claude", "x", "--name", "late", "--label", "a=b")
        window.type("y\n")
        window.until_shown("Cancel 3 tasks")
        assert "3 tasks now, and not 2" in window.seen
        assert statuses(llmctl)["waits"] == "queued"
        window.type("n\n")
        assert window.ended() == 1
    assert statuses(llmctl)["late"] == "queued"


def test_a_dry_run_says_what_would_be_done_and_does_nothing(llmctl: Llmctl, batch: dict[str, str]) -> None:
    assert llmctl.ok("cancel", "-l", "batch=x", "--dry-run").splitlines() == [
        "would cancel 3 tasks:",
        "  running: 1",
        "  queued: 2-3",
    ]
    assert "canceled" not in statuses(llmctl).values()


def test_what_was_done_can_be_read_by_programs(llmctl: Llmctl, batch: dict[str, str]) -> None:
    assert llmctl.ok("hold", "-l", "a=b", "-y", "-o", "name").splitlines() == [batch["waits"], batch["too"]]
    held = llmctl("release", "-l", "a=b", "-y", "-o", "json").json()
    assert isinstance(held, list)
    assert [(task["number"], task["status"]) for task in held] == [(2, "queued"), (3, "queued")]
    assert llmctl("cancel", "--tool", "gemini", "-y", "-o", "json").json() == []
    assert llmctl("cancel", "--tool", "gemini", "-y", "-o", "name").out == ""


def test_held_tasks_do_not_start_until_they_are_released(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    number = llmctl.submit("claude", "x", "--name", "held one")
    assert llmctl.ok("hold", number) == f"task {number} held"
    assert dispatcher.claim() == []
    assert statuses(llmctl) == {"held one": "held"}
    assert f"llmctl release {number}" in llmctl("retry", number).err
    assert llmctl.ok("release", number) == f"task {number} released"
    assert [run["number"] for run in dispatcher.claim()] == [int(number)]


def test_the_task_at_the_top_goes_first(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    llmctl.submit("claude", "x", "--priority", "9")
    last = llmctl.submit("claude", "x", "--priority", "1")
    assert llmctl.ok("top", last) == f"task {last} goes first"
    assert " top " in llmctl.ok("ls")
    assert re.search("priority +top", llmctl.ok("show", last))
    assert [run["number"] for run in dispatcher.claim(1)] == [int(last)]


def test_all_failed_tasks_are_tried_again(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    for name in ("a", "b"):
        llmctl.submit("claude", "x", "--retries", "0", "--name", name)
    dispatcher.run(error_class="agent_error", error_message="no idea")
    llmctl.submit("codex", "x", "--name", "c")
    dispatcher.run(final_text="yes")
    assert llmctl.ok("retry", "--failed", "-y") == "2 tasks queued"
    assert statuses(llmctl) == {"a": "queued", "b": "queued", "c": "succeeded"}


def test_named_tasks_that_are_so_already_change_nothing(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "x")
    llmctl.ok("cancel", number)
    again = llmctl("cancel", number)
    assert (again.code, again.out, again.err) == (0, "", "nothing was changed: it is canceled already\n")
