"""`llmctl files`: what was stored comes out, and never anywhere but below the directory that was named."""

import hashlib
import os
import stat
from pathlib import Path

import psycopg
import pytest

from cli.database.connection import STATEMENT_SECONDS, Database
from dispatcher.configuration.settings import Settings
from dispatcher.database.connection import BoundedConnection, connect
from dispatcher.errors import UsageError
from sql import calls
from tests.cli.conftest import Llmctl, PlayedDispatcher, one_postgres

pytestmark = one_postgres


@pytest.fixture
def task(llmctl: Llmctl, dispatcher: PlayedDispatcher) -> str:
    """A task that was given `in.txt` and wrote `report.md` and `bin/tool`."""
    (llmctl.directory / "in.txt").write_text("given")
    (llmctl.directory / "in.txt").chmod(0o644)
    number = llmctl.submit("claude", "x", "--input", "in.txt")
    (llmctl.directory / "in.txt").unlink()
    [run] = dispatcher.start()
    dispatcher.store(run, "report.md", b"# Report\n", 0o640)
    dispatcher.store(run, "bin/tool", bytes(range(256)), 0o4755)
    dispatcher.finish(run, final_text="yes")
    return number


def test_ls_shows_inputs_and_outputs(llmctl: Llmctl, task: str) -> None:
    lines = [line.split() for line in llmctl.ok("files", "ls", task).splitlines()]
    assert lines == [
        ["PATH", "KIND", "SIZE", "MODE", "RUN"],
        ["in.txt", "input", "5", "B", "0644"],
        ["bin/tool", "output", "256", "B", "4755", "1"],
        ["report.md", "output", "9", "B", "0640", "1"],
    ]
    rows = llmctl("files", "ls", task, "-o", "json").json()
    assert isinstance(rows, list)
    assert sorted(rows[0]) == ["is_input", "mode", "path", "run_no", "sha256", "size_bytes", "stored"]


def test_get_writes_all_outputs_with_their_modes_and_no_set_user_id(llmctl: Llmctl, task: str) -> None:
    got = llmctl("files", "get", task)
    assert (got.code, got.out) == (0, "")
    assert sorted(got.err.splitlines()) == ["wrote bin/tool", "wrote report.md"]
    tool = llmctl.directory / "bin" / "tool"
    assert tool.read_bytes() == bytes(range(256))
    assert stat.S_IMODE(tool.stat().st_mode) == 0o755
    assert stat.S_IMODE((llmctl.directory / "report.md").stat().st_mode) == 0o640
    assert not (llmctl.directory / "in.txt").exists()


def test_get_writes_what_is_named_below_a_new_directory(llmctl: Llmctl, task: str) -> None:
    llmctl("files", "get", task, "in.txt", "-d", "new/er")
    assert [str(path.relative_to(llmctl.directory)) for path in files_below(llmctl.directory)] == [
        "new/er/in.txt"
    ]


def test_get_prints_one_file_byte_for_byte(llmctl: Llmctl, task: str) -> None:
    assert llmctl.ok("files", "get", task, "report.md", "-o", "-") == "# Report"
    several = llmctl("files", "get", task, "-o", "-")
    assert (several.code, several.out) == (2, "")
    assert "-o - prints a single file; name one of bin/tool, report.md" in several.err
    assert llmctl("files", "get", task, "-o", "somewhere").code == 2


def test_get_leaves_existing_files_alone_unless_forced(llmctl: Llmctl, task: str) -> None:
    report = llmctl.directory / "report.md"
    report.write_text("mine")
    refused = llmctl("files", "get", task)
    assert refused.code == 5
    assert (
        "error: report.md exists already in ., with other content\nhint: --force replaces what is there"
        in refused.err
    )
    assert report.read_text() == "mine"
    assert llmctl("files", "get", task, "--force").code == 0
    assert report.read_text() == "# Report\n"
    again = llmctl("files", "get", task)
    assert (again.code, again.err) == (0, "wrote 0 files below .; 2 were there already\n")
    assert len(files_below(llmctl.directory)) == 2


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_get_follows_no_link_on_the_way(llmctl: Llmctl, task: str, tmp_path: Path, force: list[str]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (llmctl.directory / "bin").symlink_to(outside)
    refused = llmctl("files", "get", task, "bin/tool", *force)
    assert refused.code == 1
    assert "a link or a file stands where a directory should be" in refused.err
    assert files_below(outside) == []


def test_get_replaces_a_link_and_not_what_it_points_to(llmctl: Llmctl, task: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (llmctl.directory / "report.md").symlink_to(precious)
    assert llmctl("files", "get", task, "report.md").code == 5
    assert llmctl("files", "get", task, "report.md", "--force").code == 0
    assert precious.read_text() == "precious"
    assert not (llmctl.directory / "report.md").is_symlink()


@pytest.mark.parametrize("path", ["../escaped", "/tmp/llmctl-escaped", "a/../../escaped", "a//b", "."])
def test_a_name_that_leads_out_is_not_written_even_if_the_database_has_it(
    llmctl: Llmctl, task: str, database: str, tmp_path: Path, path: str
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE task_files SET path = %s WHERE path = 'report.md'", [path])
    refused = llmctl("files", "get", task, path, "--force")
    assert refused.code == 2
    assert "leads out of the directory" in refused.err
    assert not (tmp_path / "escaped").exists()
    assert not Path("/tmp/llmctl-escaped").exists()
    assert files_below(llmctl.directory) == []


def test_a_damaged_file_is_not_left_behind(llmctl: Llmctl, task: str, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE task_files SET content = 'other' WHERE path = 'report.md'")
    damaged = llmctl("files", "get", task, "report.md")
    assert damaged.code == 1
    assert "report.md is damaged" in damaged.err
    assert files_below(llmctl.directory) == []


def test_a_large_file_is_copied_from_where_it_is_kept(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, tmp_path: Path
) -> None:
    kept = tmp_path / "a store with blanks"
    kept.write_bytes(os.urandom(3 * 2**20))
    digest = hashlib.sha256(kept.read_bytes()).hexdigest()
    number = llmctl.submit("claude", "x")
    [run] = dispatcher.start()
    dispatcher.store(run, "big", None, url=kept.as_uri(), sha256=digest)
    dispatcher.finish(run, final_text="yes")
    assert llmctl("files", "get", number).code == 0
    assert (llmctl.directory / "big").read_bytes() == kept.read_bytes()

    (llmctl.directory / "big").unlink()
    kept.unlink()
    gone = llmctl("files", "get", number)
    assert gone.code == 1
    assert gone.err.startswith(f"error: the file is too large for the database and kept at {kept.as_uri()}")
    assert "hint: fetch it on the dispatcher's host" in gone.err
    assert files_below(llmctl.directory) == []


@pytest.mark.parametrize("url", ["s3://bucket/big", "file://elsewhere/big"])
def test_a_file_that_is_kept_where_we_cannot_look_says_so(
    llmctl: Llmctl, dispatcher: PlayedDispatcher, url: str
) -> None:
    number = llmctl.submit("claude", "x")
    [run] = dispatcher.start()
    dispatcher.store(run, "big", None, url=url, sha256="0" * 64)
    dispatcher.finish(run, final_text="yes")
    refused = llmctl("files", "get", number)
    assert (refused.code, refused.err) == (
        1,
        f"error: the file is kept at {url}, which this program cannot read\n",
    )


def test_an_unknown_file_names_those_there_are(llmctl: Llmctl, task: str) -> None:
    missing = llmctl("files", "get", task, "nope")
    assert (missing.code, missing.out) == (3, "")
    assert missing.err.splitlines() == [
        f"error: task {task} has no file 'nope'",
        "hint: its files are in.txt, bin/tool, report.md",
    ]


def test_a_task_without_outputs_says_so(llmctl: Llmctl) -> None:
    number = llmctl.submit("claude", "x")
    assert llmctl("files", "get", number).code == 3
    none = llmctl("files", "ls", number)
    assert (none.code, none.out, none.err) == (0, "", f"task {number} has no files\n")


def files_below(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if not path.is_dir())


def test_a_name_that_the_locale_cannot_write_is_refused_with_a_remedy(
    llmctl: Llmctl, dispatcher: PlayedDispatcher
) -> None:
    number = llmctl.submit("claude", "x", "--output", "größe")
    (run,) = dispatcher.start()
    dispatcher.store(run, "größe", b"x")
    dispatcher.finish(run, final_text="done", output_files=["größe"])

    refused = llmctl("files", "get", number, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")

    assert refused.code == 2
    assert "LC_ALL=C.UTF-8" in refused.err
    assert "Traceback" not in refused.err


def test_what_is_large_may_take_as_long_as_a_slow_line_needs(database_settings: Settings) -> None:
    with connect(database_settings, statement_timeout=STATEMENT_SECONDS) as connection:
        db = Database(connection)
        assert isinstance(connection, BoundedConnection)
        with pytest.raises(UsageError, match="no-such-tool"):
            db.call(calls.submit_tasks([{"tool": "no-such-tool", "prompt": "x" * 2**25}]))
        with pytest.raises(UsageError, match="no-such-tool"):
            db.call(calls.submit_tasks([{"tool": "no-such-tool", "prompt": "x" * (2**20 - 100)}]))

        [allowed] = connection.execute(
            "SELECT setting::integer / 1000 FROM pg_settings WHERE name = 'statement_timeout'"
        )
        assert allowed == (60 + 1024,)
        assert connection.patience > 60 + 1024
