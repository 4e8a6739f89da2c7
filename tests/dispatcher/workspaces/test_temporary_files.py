"""Each run has its own directory for temporary files, which is deleted with it."""

import os
import signal
from pathlib import Path

import pytest

from dispatcher.workspaces import short_paths
from dispatcher.workspaces.work_directory import WorkDirectory
from tests.fixtures.dispatchers import Site
from tests.fixtures.users import NOBODY, as_user, needs_root

SHOWS = 'echo "$TMPDIR $TMP $TEMP"; stat -c "%a %n" "$TMPDIR/"; readlink -f "$TMPDIR"'


def test_an_agent_has_temporary_files_of_its_own_and_not_the_hosts(site: Site) -> None:
    numbers = [site.submit(f"{SHOWS}; touch $TMPDIR/left; echo done") for _ in range(2)]

    site.start(env={"TMPDIR": "/var/tmp", "TMP": "/var/tmp", "TEMP": "/var/tmp"})
    site.wait_for("succeeded", *numbers)

    places = set()
    for number in numbers:
        variables, mode, real, _ = str(site.task(number)["result"]["text"]).splitlines()
        place = variables.split(" ")[0]
        assert variables.split(" ") == [place] * 3
        assert mode == f"700 {place}/"
        assert real == str(site.workspace(number) / "tmp")
        places.add(place)
    assert len(places) == 2


def test_temporary_files_are_removed_with_the_workspace_whatever_their_modes(site: Site) -> None:
    number = site.submit("mkdir -p $TMPDIR/a/b; touch $TMPDIR/a/b/c; chmod 0 $TMPDIR/a $TMPDIR; echo done")

    site.run()

    assert not site.workspace(number).exists()


@needs_root
def test_temporary_files_of_a_kept_session_go_although_its_agent_closed_their_directory(
    home_of_nobody: Path,
) -> None:
    def strip() -> list[str]:
        workspace = WorkDirectory.hold(home_of_nobody / "w", "database").workspace(1, 1)
        workspace.lay_out("prompt", [])
        (workspace.tmp / "left").touch()
        workspace.tmp.chmod(0)
        workspace.strip()
        return [entry.name for entry in workspace.directory.iterdir()]

    assert as_user(NOBODY, strip) == ["work"]


def test_a_group_may_name_another_place_for_temporary_files(site: Site, tmp_path: Path) -> None:
    site.configure("groups", sh={"env": {"SITE": str(site.directory), "TMPDIR": str(tmp_path)}})
    number = site.submit('echo "$TMPDIR"')

    site.run()

    assert site.task(number)["result"]["text"] == str(tmp_path)


LISTENS = """
import multiprocessing.connection, os, socket, tempfile
with multiprocessing.connection.Listener(family="AF_UNIX") as listener:
    print(len(listener.address) < 108)
with socket.socket(socket.AF_UNIX) as chromium:
    chromium.bind(os.path.join(tempfile.mkdtemp(prefix=".org.chromium.Chromium."), "SingletonSocket"))
"""


def test_sockets_fit_into_the_temporary_files_of_a_work_directory_with_a_long_name(site: Site) -> None:
    site.work_dir = site.directory / ("long" * 25)
    site.configure("execution", work_dir=str(site.work_dir))
    number = site.submit(LISTENS, tool="python")

    dispatcher = site.run()

    assert site.task(number)["status"] == "succeeded", dispatcher.story()
    assert site.task(number)["result"]["text"] == "True"


def test_the_short_name_goes_with_the_last_agent_and_stays_while_one_runs(site: Site) -> None:
    site.configure("dispatcher", grace=0)
    gate = site.gate()
    number = site.submit(f'echo "$TMPDIR" >$SITE/place; {gate.pass_through}; touch "$TMPDIR/x" && echo done')
    dispatcher = site.start()
    site.wait_for("running", number)
    dispatcher.signal(signal.SIGTERM)
    dispatcher.wait()
    gate.open()
    site.run()
    link = Path((site.directory / "place").read_text().strip()).parents[1]

    assert site.task(number)["status"] == "succeeded"
    assert link.parent == Path("/tmp")
    assert not link.is_symlink()


@pytest.fixture
def mark() -> str:
    return f"test{os.getpid()}"


def test_a_short_name_leads_to_the_directory_wherever_it_led_before(tmp_path: Path, mark: str) -> None:
    long = tmp_path / ("x" * 60)
    (long / "1-1" / "tmp").mkdir(parents=True)
    try:
        short_paths.link_of(mark).symlink_to(tmp_path / "gone")
        short = short_paths.short_path(long / "1-1" / "tmp", long, mark)
        assert len(short) <= short_paths.LONGEST
        assert Path(short).samefile(long / "1-1" / "tmp")
        assert short_paths.short_path(Path("/short/tmp"), Path("/short"), mark) == "/short/tmp"
    finally:
        short_paths.forget(mark)
    assert not short_paths.link_of(mark).is_symlink()


@needs_root
def test_a_short_name_that_another_user_took_is_not_used(tmp_path: Path, mark: str) -> None:
    path = tmp_path / ("x" * 60) / "tmp"
    short_paths.link_of(mark).symlink_to("/root")
    try:
        found = as_user(NOBODY, lambda: short_paths.short_path(path, tmp_path, mark))
        assert short_paths.link_of(mark).readlink() == Path("/root")
    finally:
        short_paths.forget(mark)
    assert found == str(path)
