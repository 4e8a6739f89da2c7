"""The fields by which tasks come after others, from the command line and from files."""

import msgspec
import pytest

from dispatcher.errors import UsageError
from dispatcher.task_rows import dependencies
from tests.cli.conftest import Llmctl, one_postgres


def test_tasks_are_read_from_options_cells_and_lists() -> None:
    assert dependencies.tasks(["12,13", "plan"]) == [12, 13, "plan"]
    assert dependencies.tasks("plan; 12") == ["plan", 12]
    assert dependencies.tasks([12, "build"]) == [12, "build"]
    assert dependencies.tasks(12) == [12]
    with pytest.raises(UsageError, match="no task is named"):
        dependencies.tasks(" , ")


def test_files_of_tasks_are_read_with_names_and_trees() -> None:
    assert dependencies.files_of_tasks(["12:a/b.md", "plan:out.md:in.md", "12/*:r.md:parts"]) == [
        {"task": 12, "path": "a/b.md"},
        {"task": "plan", "path": "out.md", "name": "in.md"},
        {"task": 12, "path": "r.md", "name": "parts", "of_tree": True},
    ]
    assert dependencies.files_of_tasks([{"task": 1, "path": "x"}]) == [{"task": 1, "path": "x"}]
    with pytest.raises(UsageError, match="does not name a file of a task"):
        dependencies.files_of_tasks("report.md")


def test_limits_of_spawning_are_read_as_text_and_as_object() -> None:
    every = "depth=1,children=5,tasks=20,cost=2.5,tokens=1000000,tools=claude+codex"
    as_object = {
        "depth": 1, "children": 5, "tasks": 20, "cost_usd": 2.5, "tokens": 1_000_000, "tools": ["claude", "codex"],
    }  # fmt: skip
    assert dependencies.spawn_limits(every) == dependencies.spawn_limits(as_object) == as_object
    for wrong in ("deep=1", "depth=11", "cost=0", "tokens=1e6", "depth"):
        with pytest.raises(UsageError):
            dependencies.spawn_limits(wrong)


@one_postgres
def test_a_task_comes_after_those_that_the_command_line_names(llmctl: Llmctl) -> None:
    first = llmctl.submit("claude", "a", "--output", "report.md")
    second = llmctl.submit("claude", "b")
    llmctl.ok(
        *(
            "submit",
            "-q",
            "claude",
            "Sum up {{result:1}}",
            "--after",
            f"{first},{second}",
            "--after-any",
            second,
        ),
        *("--on-unmet", "skip", "--workflow", "night", "--input-from", f"{first}:report.md"),
    )
    task = msgspec.json.decode(llmctl.ok("show", "3", "-o", "json"))
    assert (task["status"], task["wait_reason"]) == ("queued", "dependency")


@one_postgres
def test_what_cannot_be_is_refused_before_anything_is_queued(llmctl: Llmctl) -> None:
    unknown = llmctl("submit", "claude", "a", "--after", "7")
    assert (unknown.code, unknown.err.splitlines()[0]) == (3, "error: there is no task 7")
    circle = '{"step":"a","after":"b"}\n{"step":"b","after":["a"]}\n'
    said = llmctl("submit", "--from", "-", "claude", "x", stdin=circle)
    assert said.code == 2
    assert said.err.startswith("error: standard input:2: these tasks wait for each other: a after b after a")
    said = llmctl("submit", "--from", "-", "claude", "x", stdin='{"step":"a"}\n{"after":"b"}\n')
    assert "standard input:2: 'b' is neither a step of these tasks nor the number of a task" in said.err
    assert "its steps are a" in said.err
    assert llmctl.ok("ls", "-o", "name") == ""


@one_postgres
def test_the_steps_of_a_file_reach_the_database_together(llmctl: Llmctl) -> None:
    """More rows than a statement usually takes, and the first one comes after the last one."""
    rows = '{"after":"last"}\n' + "{}\n" * 5_000 + '{"step":"last"}\n'
    chunked = llmctl("submit", "--from", "-", "claude", "x", "--chunk", "100", stdin=rows)
    assert chunked.code == 2
    assert "has tasks with steps, which name each other" in chunked.err
    assert llmctl.ok("submit", "--from", "-", "claude", "x", stdin=rows).startswith("5,002 tasks")
    assert msgspec.json.decode(llmctl.ok("show", "1", "-o", "json"))["wait_reason"] == "dependency"


@one_postgres
def test_a_bad_row_among_steps_is_named_by_its_line(llmctl: Llmctl) -> None:
    rows = '{"step":"a"}\n{"after":"a","retry-on":"never"}\n{"after":"a"}\n'
    said = llmctl("submit", "--from", "-", "claude", "x", stdin=rows)
    assert said.err.startswith("error: standard input:2: retry_on: 'never' is not an error"), said.err


def test_places_for_what_other_tasks_made_are_no_templates(without_database: Llmctl) -> None:
    rows = "step,after,part\nplan,,all\nbuild,plan,login\n"
    said = without_database(
        *("submit", "--from", "-", "--from-format", "csv", "claude", "Do {{part}} of {{result:plan}}"),
        *("--dry-run", "-o", "json"),
        stdin=rows,
    )
    tasks = [msgspec.json.decode(line) for line in said.out.splitlines()]
    assert [task["prompt"] for task in tasks] == ["Do all of {{result:plan}}", "Do login of {{result:plan}}"]
    assert [(task["step"], task.get("after")) for task in tasks] == [("plan", None), ("build", ["plan"])]


def test_places_without_a_task_to_come_after_are_remarked(without_database: Llmctl) -> None:
    alone = without_database("submit", "claude", "Read {{result:12}}", "--dry-run")
    assert alone.err.startswith("note: {{result:…}}, {{file:…}} and {{patch:…}} are filled in only for")
    after = without_database("submit", "claude", "Read {{result:12}}", "--after", "12", "--dry-run")
    assert after.err == "1 task would be submitted; the database was not asked\n"
    assert msgspec.json.decode(after.out)["after"] == [12]
