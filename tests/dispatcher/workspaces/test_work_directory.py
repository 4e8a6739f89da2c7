"""The work directory has one holder, and what is laid out or discarded in it reaches nothing else."""

import os
from pathlib import Path

import pytest
import trio

from dispatcher.errors import DispatchError, UsageError
from dispatcher.workspaces.work_directory import WorkDirectory
from sql.rows.dispatchers import InputFile
from tests.fixtures.users import NOBODY, as_user, needs_root


def test_a_work_directory_keeps_its_id_and_has_one_holder(tmp_path: Path) -> None:
    first = WorkDirectory.hold(tmp_path / "w", "database")
    with pytest.raises(DispatchError, match=f"process {os.getpid()}"):
        WorkDirectory.hold(tmp_path / "w", "database")
    other_database = WorkDirectory.hold(tmp_path / "w", "other")
    first.release()

    again = WorkDirectory.hold(tmp_path / "w", "database")

    assert again.id == first.id == other_database.id
    assert again.mark == first.mark != other_database.mark
    again.release()
    other_database.release()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not a uuid\n"])
def test_a_directory_whose_id_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".id").write_bytes(content)

    with pytest.raises(UsageError, match="must hold a uuid"):
        WorkDirectory.hold(tmp_path, "database")


@needs_root
def test_what_an_agent_made_read_only_is_deleted_like_all_else(home_of_nobody: Path) -> None:
    def discard() -> list[str]:
        held = WorkDirectory.hold(home_of_nobody / "w", "database")
        workspace = held.workspace(1, 1)
        workspace.lay_out("prompt", [InputFile("pkg/mod/file", b"x", 0o444, 1)])
        (workspace.work / "elsewhere").symlink_to("/")
        (workspace.work / "pkg" / "mod").chmod(0o500)
        (workspace.work / "pkg").chmod(0)
        workspace.discard()
        trio.run(held.trash.empty)
        return [entry.name for entry in (workspace.directory.parent / "trash").iterdir()]

    assert as_user(NOBODY, discard) == []


@pytest.fixture
def held(tmp_path: Path) -> WorkDirectory:
    return WorkDirectory.hold(tmp_path / "w", "database")


def test_input_files_do_not_follow_links_out_of_a_chosen_directory(
    held: WorkDirectory, tmp_path: Path
) -> None:
    chosen = tmp_path / "project"
    chosen.mkdir()
    (tmp_path / "outside").mkdir()
    (chosen / "way").symlink_to(tmp_path / "outside")
    workspace = held.workspace(1, 1, chosen)

    with pytest.raises(PermissionError):
        workspace.lay_out("prompt", [InputFile("way/file", b"x", 0o644, 1)])

    assert list((tmp_path / "outside").iterdir()) == []


def test_input_files_replace_nothing_but_themselves(held: WorkDirectory, tmp_path: Path) -> None:
    chosen = tmp_path / "project"
    chosen.mkdir()
    held.workspace(1, 1, chosen).lay_out("prompt", [InputFile("new", b"x", 0o644, 1)])
    held.workspace(1, 2, chosen).lay_out("prompt", [InputFile("new", b"x", 0o644, 1)])

    for run_no, other in enumerate((b"other", b"xx", b""), start=3):
        with pytest.raises(FileExistsError):
            held.workspace(1, run_no, chosen).lay_out("prompt", [InputFile("new", other, 0o644, len(other))])


def test_a_run_is_laid_out_once(held: WorkDirectory) -> None:
    held.workspace(1, 1).lay_out("prompt", [])

    with pytest.raises(FileExistsError):
        held.workspace(1, 1).lay_out("prompt", [])


def test_discarded_workspaces_are_gone_when_the_trash_is_emptied(held: WorkDirectory) -> None:
    workspace = held.workspace(1, 1)
    workspace.lay_out("prompt", [InputFile("deep/in/there", b"x", 0o444, 1)])

    workspace.discard()
    assert not workspace.directory.exists()
    workspace.discard()
    trio.run(held.trash.empty)

    assert held.workspaces() == []
    assert list((workspace.directory.parent / "trash").iterdir()) == []
