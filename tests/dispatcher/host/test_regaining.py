"""What an agent closed to us is opened again: as any user but root, who is never kept out."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatcher.host.regaining import regain, regaining
from dispatcher.run.output.log_file import LogFile
from dispatcher.workspaces.run_record import Header, RunRecord, read
from dispatcher.workspaces.work_directory import WorkDirectory, Workspace
from tests.fixtures.users import NOBODY, as_user


@pytest.fixture
def ordinary(home_of_nobody: Path) -> Callable[[Callable[[Path], None]], None]:
    """Call a function with a directory as a user who is not root."""

    def call(action: Callable[[Path], None]) -> None:
        if os.geteuid() == 0:
            as_user(NOBODY, lambda: action(home_of_nobody))
        else:
            action(home_of_nobody)

    return call


Ordinary = Callable[[Callable[[Path], None]], None]


def closed(home: Path) -> Workspace:
    """Return a workspace whose agent has printed, and then closed all that is its own and ours."""
    workspace = WorkDirectory.hold(home / "w", "database").workspace(1, 1)
    workspace.lay_out("prompt", [])
    workspace.make_report()
    (workspace.report / "answer").write_text("said")
    (workspace.work / "file").write_text("written")
    workspace.stdout.write_text("said\n")
    header = Header(run_id="run", number=1, run_no=1, tool="sh", boot_id="boot", launched=0.0)
    RunRecord.create(workspace.directory, header).close()
    places = (workspace.stdout, workspace.directory / "run", workspace.report, workspace.work)
    for place in (*places, workspace.directory):
        place.chmod(0)
    return workspace


def test_a_log_is_read_although_its_directory_and_the_file_were_closed(ordinary: Ordinary) -> None:
    def look(home: Path) -> None:
        log = LogFile(closed(home).stdout)
        assert log.measure()
        assert log.last_write() is not None
        assert log.read(0, 100) == (b"said\n", 0)

    ordinary(look)


def test_a_run_record_is_read_although_it_was_closed(ordinary: Ordinary) -> None:
    def look(home: Path) -> None:
        header = read(closed(home).directory).header
        assert header is not None
        assert header.run_id == "run"

    ordinary(look)


def test_after_the_agent_its_report_and_its_files_are_there_and_its_directory_can_be_kept(
    ordinary: Ordinary,
) -> None:
    def look(home: Path) -> None:
        workspace = closed(home)
        assert workspace.kept_until is None
        workspace.regain()
        assert workspace.read_report("answer") == b"said"
        assert (workspace.work / "file").read_text() == "written"
        workspace.strip()
        assert [entry.name for entry in workspace.directory.iterdir()] == ["work"]

    ordinary(look)


def test_a_directory_that_the_task_chose_keeps_its_mode(ordinary: Ordinary) -> None:
    def look(home: Path) -> None:
        chosen = home / "chosen"
        chosen.mkdir(mode=0o500)
        workspace = WorkDirectory.hold(home / "w", "database").workspace(1, 1, chosen)
        workspace.lay_out("prompt", [])
        workspace.directory.chmod(0)
        workspace.regain()
        assert stat.S_IMODE(chosen.stat().st_mode) == 0o500
        assert stat.S_IMODE(workspace.directory.stat().st_mode) == 0o700

    ordinary(look)


def test_nothing_is_opened_through_a_link_nor_a_file_that_has_another_name(ordinary: Ordinary) -> None:
    def look(home: Path) -> None:
        place = home / "runs" / "1-1"
        place.mkdir(parents=True)
        theirs, other = home / "theirs", home / "other"
        for file in (theirs, other):
            file.touch(mode=0o000)
        (place / "link").symlink_to(theirs)
        (place / "name").hardlink_to(other)
        assert not regain(place / "link")
        assert not regain(place / "name")
        assert {stat.S_IMODE(file.stat().st_mode) for file in (theirs, other)} == {0}

    ordinary(look)


def test_what_is_not_ours_stays_refused(ordinary: Ordinary) -> None:
    def look(home: Path) -> None:
        with pytest.raises(PermissionError):
            regaining(Path("/etc/shadow"), Path("/etc/shadow").read_bytes)

    ordinary(look)
