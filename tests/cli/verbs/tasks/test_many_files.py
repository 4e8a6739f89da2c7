"""`llmctl files` of several tasks, and with patterns."""

from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres

pytestmark = one_postgres


@pytest.fixture
def tasks(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> Sequence[str]:
    """Two tasks that wrote `report.md` and `bin/tool`, and one that wrote nothing; all have the label batch=x."""
    numbers = [llmctl.submit("claude", "x", "--label", "batch=x") for _ in range(2)]
    for name, run in zip(("one", "two"), dispatcher.start(), strict=True):
        dispatcher.store(run, "report.md", f"# {name}\n".encode())
        dispatcher.store(run, "bin/tool", name.encode())
        dispatcher.finish(run, final_text="yes")
    numbers.append(llmctl.submit("claude", "x", "--label", "batch=x"))
    return numbers


def contents(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_each_of_several_tasks_has_a_directory_of_its_own(llmctl: Llmctl, tasks: Sequence[str]) -> None:
    got = llmctl("files", "get", "-l", "batch=x", "-d", "out")
    assert (got.code, got.out) == (0, "")
    assert got.err.splitlines() == ["task 3 has no output files", "wrote 4 files of 2 tasks below out"]
    assert contents(llmctl.directory / "out") == {
        "1/bin/tool": "one",
        "1/report.md": "# one\n",
        "2/bin/tool": "two",
        "2/report.md": "# two\n",
    }


def test_flat_puts_the_files_of_all_tasks_into_one_directory(llmctl: Llmctl, tasks: Sequence[str]) -> None:
    assert llmctl("files", "get", "1-2", "-d", "out", "--flat").code == 0
    assert sorted(contents(llmctl.directory / "out")) == [
        "1-bin-tool",
        "1-report.md",
        "2-bin-tool",
        "2-report.md",
    ]


def test_two_files_never_become_one(llmctl: Llmctl, tasks: Sequence[str], database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE task_files SET path = 'bin-tool' WHERE path = 'report.md'")
    refused = llmctl("files", "get", "1-2", "-d", "out", "--flat", "--force")
    assert refused.code == 2
    assert "two files would have the same name" in refused.err
    assert contents(llmctl.directory) == {}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("1 *.md", ["report.md"]),
        ("1 */tool *.md", ["bin/tool", "report.md"]),
        ("1 2 *.md", ["1/report.md", "2/report.md"]),
        ("1-2 report.md", ["1/report.md", "2/report.md"]),
        ("-l batch=x -s succeeded *.md", ["1/report.md", "2/report.md"]),
        ("-l batch=x -s succeeded --path report.md", ["1/report.md", "2/report.md"]),
    ],
)
def test_behind_the_tasks_stand_the_files(
    llmctl: Llmctl, tasks: Sequence[str], words: str, expected: Sequence[str]
) -> None:
    assert llmctl("files", "get", *words.split()).code == 0
    assert sorted(contents(llmctl.directory)) == expected


def test_a_file_that_looks_like_a_task_is_named_by_an_option(
    llmctl: Llmctl, tasks: Sequence[str], database: str
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE task_files SET path = '2024' WHERE path = 'report.md'")
    assert llmctl("files", "get", "1", "2024").code == 3
    assert llmctl("files", "get", "1", "--path", "2024", "-o", "-").out == "# one\n"


def test_what_one_of_several_tasks_does_not_have_is_said_and_the_rest_is_fetched(
    llmctl: Llmctl, tasks: Sequence[str]
) -> None:
    got = llmctl("files", "get", "1", "3", "report.md", "-d", "out")
    assert got.code == 3
    assert "task 3 has no file 'report.md'" in got.err
    assert contents(llmctl.directory) == {"out/1/report.md": "# one\n"}
    nothing = llmctl("files", "get", "1", "*.exe")
    assert nothing.code == 3
    assert "task 1 has no file '*.exe'" in nothing.err


def test_files_of_several_tasks_never_replace_others(llmctl: Llmctl, tasks: Sequence[str]) -> None:
    (llmctl.directory / "2").mkdir()
    (llmctl.directory / "2" / "report.md").write_text("mine")
    refused = llmctl("files", "get", "1-2")
    assert refused.code == 5
    assert "error: 2/report.md exists already in ., with other content" in refused.err
    assert contents(llmctl.directory)["2/report.md"] == "mine"
    assert contents(llmctl.directory)["1/report.md"] == "# one\n"


def test_a_name_of_one_of_several_tasks_leads_nowhere_else(
    llmctl: Llmctl, tasks: Sequence[str], database: str
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE task_files SET path = '../../escaped' WHERE path = 'report.md'")
    refused = llmctl("files", "get", "1-2", "--path", "../*", "-d", "out", "--force")
    assert refused.code == 2
    assert "leads out of the directory" in refused.err
    assert not (llmctl.directory.parent / "escaped").exists()


def test_the_files_of_several_tasks_are_listed_with_their_tasks(llmctl: Llmctl, tasks: Sequence[str]) -> None:
    lines = [line.split()[:3] for line in llmctl.ok("files", "ls", "-l", "batch=x").splitlines()]
    assert lines == [
        ["TASK", "PATH", "KIND"],
        ["1", "bin/tool", "output"],
        ["1", "report.md", "output"],
        ["2", "bin/tool", "output"],
        ["2", "report.md", "output"],
    ]
    rows = llmctl("files", "ls", "1-2", "-o", "json").json()
    assert isinstance(rows, list)
    assert [row["number"] for row in rows] == [1, 1, 2, 2]
