"""`llmctl workflow`: what is listed, drawn and done to all tasks of a workflow."""

from collections.abc import Callable

import msgspec
import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres

pytestmark = one_postgres

ROWS = """step,after,after-failed,prompt
plan,,,Plan it
login,plan,,Write the login
billing,plan,,Write the billing
check,"login,billing",,Check both
alarm,,login,Say that the login failed
"""


@pytest.fixture
def release(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> Callable[[], None]:
    """Submit the rows, of which the plan has succeeded; returns what fails the login and the billing."""
    llmctl.ok("submit", "--from", "-", "--from-format", "csv", "claude", "--workflow", "release", stdin=ROWS)
    dispatcher.run(final_text="planned")
    return lambda: dispatcher.run(error_class="invalid_request", error_message="no such model")


def test_workflows_are_listed_with_their_states(llmctl: Llmctl, release: Callable[[], None]) -> None:
    release()
    heading, line = llmctl.ok("workflow", "ls").splitlines()
    assert heading.split() == ["WORKFLOW", "TASKS", "STATES", "AGE", "RUNNING", "COST"]
    assert "release" in line
    assert "1 ready, 1 waiting, 2 failed, 1 succeeded" in line
    [row] = msgspec.json.decode(llmctl.ok("workflow", "ls", "-o", "json"))
    assert (row["name"], row["tasks"], row["failed"], row["unmet"]) == ("release", 5, 2, 1)


def test_a_workflow_is_shown_in_its_order_with_what_keeps_others_from_starting(
    llmctl: Llmctl, release: Callable[[], None]
) -> None:
    release()
    said = llmctl("workflow", "show", "release")
    assert [line.split()[0] for line in said.out.splitlines()] == ["TASK", "1", "2", "5", "3", "4"]
    assert said.err.splitlines() == [
        "task 2 (failed) keeps 1 task from starting: 4",
        "task 3 (failed) keeps 1 task from starting: 4",
    ]
    assert "2 (if it fails)" in said.out


def test_a_graph_has_a_line_for_each_task(llmctl: Llmctl, release: Callable[[], None]) -> None:
    assert release is not None
    drawn = llmctl.ok("workflow", "graph", "release").splitlines()
    assert [line.split("  ")[0] for line in drawn] == [
        "● 1 plan", "├─● 2 login", "│ ├─● 5 Say that the login failed", "● │ 3 billing", "●─┘ 4 Check both",
    ]  # fmt: skip
    assert llmctl.ok("workflow", "graph", "4") == llmctl.ok("workflow", "graph", "release")
    plain = llmctl("workflow", "graph", "release", PYTHONIOENCODING="ascii").out
    assert plain.isascii()
    assert plain.splitlines()[1].startswith("+-* 2 login")


def test_a_graph_is_there_for_other_programs(llmctl: Llmctl, release: Callable[[], None]) -> None:
    assert release is not None
    assert 't1 [label="1 plan\\nsucceeded"];' in llmctl.ok("workflow", "graph", "release", "-o", "dot")
    assert "t2 -. if it fails .-> t5" in llmctl.ok("workflow", "graph", "release", "-o", "mermaid")
    assert llmctl.ok("workflow", "graph", "release", "-o", "svg").startswith("<svg ")
    edges = msgspec.json.decode(llmctl.ok("workflow", "graph", "release", "-o", "json"))["edges"]
    assert {"source": 2, "target": 5, "kind": "failed", "state": "open", "step": "login"} in edges


def test_a_workflow_is_canceled_and_retried_as_one(llmctl: Llmctl, release: Callable[[], None]) -> None:
    release()
    llmctl.submit("claude", "of another one", "--workflow", "other")
    asked = llmctl("workflow", "cancel", "release")
    assert asked.code == 2  # nobody is there to be asked
    assert llmctl.ok("workflow", "cancel", "release", "-y") == "2 tasks canceled"
    assert llmctl.ok("ls", "-s", "queued", "-o", "name") == "6"
    assert llmctl.ok("workflow", "retry", "release", "--dry-run").splitlines()[0] == "would retry 4 tasks:"
    assert llmctl.ok("workflow", "retry", "release", "-y") == "4 tasks queued"
    assert llmctl.ok("ls", "--workflow", "release", "-s", "waiting", "-o", "name").split() == [
        "5",
        "4",
        "3",
        "2",
    ]


def test_a_workflow_that_does_not_exist_ends_with_3(llmctl: Llmctl) -> None:
    said = llmctl("workflow", "show", "none")
    assert (said.code, said.err.splitlines()[0]) == (3, "error: there is no workflow 'none'")
    assert llmctl("workflow", "ls").err == "no workflows\n"
