"""What `llmctl ls` can be told: how many tasks, in which order, with which columns, in which format."""

import csv
import io
from collections.abc import Sequence

import msgspec
import psycopg
import pytest

from cli.database.task_pages import PAGE
from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres
from tests.cli.terminal import terminal

pytestmark = one_postgres


def submit_many(database: str, count: int) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT count(*) FROM submit_tasks((SELECT jsonb_agg(jsonb_build_object('tool', 'claude', 'prompt', 'x'))"
            " FROM generate_series(1, %s)))",
            [count],
        )


def names(llmctl: Llmctl, *words: str) -> Sequence[str]:
    return [task["name"] for task in msgspec.json.decode(llmctl.ok("ls", "-o", "json", *words))]


def test_formats_for_programs_have_all_tasks_and_the_table_says_what_it_leaves_out(
    llmctl: Llmctl, database: str
) -> None:
    count = 2 * PAGE + 7
    submit_many(database, count)
    expected = [str(number) for number in range(count, 0, -1)]
    assert llmctl.ok("ls", "-o", "name").splitlines() == expected
    assert [str(task["number"]) for task in msgspec.json.decode(llmctl.ok("ls", "-o", "json"))] == expected
    lines = llmctl.ok("ls", "-o", "jsonl").splitlines()
    assert [str(msgspec.json.decode(line)["number"]) for line in lines] == expected
    assert [row["number"] for row in csv.DictReader(io.StringIO(llmctl.ok("ls", "-o", "csv")))] == expected
    assert llmctl.ok("ls", "-o", "name", "-n", "2").splitlines() == ["1", "2"]

    cut = llmctl("ls")
    assert len(cut.out.splitlines()) == 51
    assert cut.err == f"50 of {count:,} tasks: {count:,} queued (-n 200 shows more, -o jsonl prints all)\n"
    whole = llmctl("ls", "--all")
    assert (len(whole.out.splitlines()), whole.err) == (count + 1, "")
    few = llmctl("ls", "1-3")
    assert (len(few.out.splitlines()), few.err) == (4, "")


def test_at_a_terminal_a_line_sums_up(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> None:
    llmctl.submit("claude", "x")
    dispatcher.run(final_text="yes", cost_usd=1.5)
    llmctl.submit("claude", "x")
    dispatcher.claim()
    llmctl.submit("claude", "x", "--delay", "1h")
    with terminal(llmctl, "ls") as window:
        assert window.ended() == 0
        assert "3 tasks: 1 starting, 1 scheduled, 1 succeeded; $1.50" in window.seen
    with terminal(llmctl, "ls", "-n", "2") as window:
        assert window.ended() == 0
        assert "2 of 3 tasks: 1 starting, 1 scheduled, 1 succeeded (-n 8 shows more" in window.seen
    states = [line.split()[1] for line in llmctl.ok("ls").splitlines()[1:]]
    assert states == ["starting", "scheduled", "succeeded"]
    assert '"leased"' in llmctl.ok("ls", "-o", "json")


def test_tasks_are_sorted_by_any_column(llmctl: Llmctl) -> None:
    for name, priority, batch in (("b", "9", "10"), ("c", "1", "9"), ("A", "5", "x")):
        llmctl.submit("claude", "x", "--name", name, "--priority", priority, "--label", f"batch={batch}")
    llmctl.submit("claude", "x", "--name", "none")
    assert names(llmctl, "--sort", "name") == ["A", "b", "c", "none"]
    assert names(llmctl, "--sort", "PRI", "-n", "2") == ["c", "A"]
    assert names(llmctl, "--sort", "-priority") == names(llmctl, "--sort", "pri", "--reverse")
    assert names(llmctl, "--sort", "-priority", "-n", "1") == ["b"]
    assert names(llmctl, "--sort", "label:batch") == ["c", "b", "A", "none"]
    assert names(llmctl, "--sort", "-label:batch") == ["A", "b", "c", "none"]
    for words, numbers in ((["--sort", "number", "--reverse"], "4321"), (["--reverse"], "2431")):
        assert "".join(line.split()[0] for line in llmctl.ok("ls", *words).splitlines()[1:]) == numbers
    assert llmctl.ok("ls", "--reverse", "-o", "name").split() == ["1", "2", "3", "4"]
    assert llmctl.ok("ls", "--reverse", "-n", "4", "-o", "name").split() == ["2", "4", "3", "1"]


def test_columns_are_chosen_by_title_by_field_and_by_label(llmctl: Llmctl) -> None:
    llmctl.submit("claude", "x", "--name", "n", "--label", "batch=x y")
    columns = ("--columns", "task,label:batch,permission,state,tenant_id")
    heading, row = llmctl.ok("ls", *columns).splitlines()
    assert heading.split() == ["TASK", "label:batch", "PERMISSION", "STATE", "TENANT"]
    assert row.split("  ")[1:] != []
    assert "x y" in row
    assert "edit" in row
    [task] = msgspec.json.decode(llmctl.ok("ls", "-o", "json", *columns))
    assert task == {
        "number": 1, "label:batch": "x y", "permission": "edit", "status": "queued", "tenant_id": "default",
    }  # fmt: skip
    assert llmctl.ok("ls", "-o", "csv", *columns).splitlines() == [
        "number,label:batch,permission,status,tenant_id",
        "1,x y,edit,queued,default",
    ]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["--columns", "task,colour"],
            "'colour' is not a column: expected label:KEY or one of task, state, ",
        ),
        (["--sort", "-colour"], "'colour' is not a column"),
        (["--sort", "label:"], "'label:' is not a column"),
        (["--columns", "name", "-o", "name"], "-o name prints only numbers"),
    ],
)
def test_a_column_that_there_is_not_is_refused(llmctl: Llmctl, words: list[str], complaint: str) -> None:
    refused = llmctl("ls", *words)
    assert (refused.code, refused.out) == (2, "")
    assert complaint in refused.err


def test_the_wide_table_has_every_column_and_cuts_nothing(llmctl: Llmctl) -> None:
    llmctl.submit("claude", "x", "--name", "n" * 200, "--label", "batch=x", "--account", "main")
    with terminal(llmctl, "ls", "-o", "wide", columns=80) as window:
        assert window.ended() == 0
        for shown in ("n" * 200, "PERMISSION", "edit", "batch=x", "ACCOUNT", "main", "TENANT"):
            assert shown in window.seen


def test_a_full_permission_is_red(llmctl: Llmctl) -> None:
    llmctl.submit("claude", "x", "--permission", "full")
    with terminal(llmctl, "ls") as window:
        assert window.ended() == 0
        assert "\x1b[31mclaude (full)" in window.seen
