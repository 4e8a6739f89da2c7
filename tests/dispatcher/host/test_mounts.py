"""Files that are mounted in a workspace are not deleted with it: real bind mounts and file systems."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
import trio
from structlog.testing import capture_logs

from dispatcher.host import mounts
from dispatcher.workspaces.large_files import LargeFiles
from dispatcher.workspaces.work_directory import WorkDirectory, Workspace
from sql.rows.dispatchers import InputFile
from tests.fixtures.dispatchers import Site
from tests.fixtures.users import needs_root

MOUNTED = "something is mounted in a discarded workspace: the workspace is deleted once it is unmounted"
IN_A_NAMESPACE = ("unshare", "--mount")


class Bind(Protocol):
    def __call__(self, source: Path, point: Path) -> None: ...


@pytest.fixture
def mounting() -> Iterator[ExitStack]:
    """Mounts things, and unmounts them at the end of the test before pytest deletes anything."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def bind(mounting: ExitStack) -> Bind:
    def mount(source: Path, point: Path) -> None:
        point.mkdir(exist_ok=True)
        subprocess.run(["mount", "--bind", source, point], check=True)
        mounting.callback(unmount_all, source)

    return mount


def unmount_all(source: Path) -> None:
    """Unmount by the mounted source, because directories move to the trash."""
    for place in mounts.below(Path("/tmp")):
        if place.exists() and source.samefile(place):
            umount(place)


def umount(place: Path) -> None:
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A directory with a file on the same file system, which its device does not distinguish."""
    directory = tmp_path / "else where"
    directory.mkdir()
    (directory / "precious").write_text("mine")
    return directory


@pytest.fixture
def held(tmp_path: Path) -> WorkDirectory:
    return WorkDirectory.hold(tmp_path / "w", "database")


def laid_out(held: WorkDirectory, number: int) -> Workspace:
    workspace = held.workspace(number, 1)
    workspace.lay_out("prompt", [InputFile("file", b"x", 0o600, 1)])
    return workspace


def in_trash(held: WorkDirectory) -> list[str]:
    return sorted(entry.name.split("-")[0] for entry in held.trash.directory.iterdir())


@needs_root
def test_nothing_is_deleted_through_a_bind_mount_and_all_else_is(
    held: WorkDirectory, elsewhere: Path, bind: Bind
) -> None:
    mounted, plain = laid_out(held, 1), laid_out(held, 2)
    bind(elsewhere, mounted.work / "there")
    (plain.work / "link").symlink_to(elsewhere)
    for workspace in (mounted, plain):
        workspace.discard()

    with capture_logs() as logs:
        assert trio.run(held.trash.empty)
        assert trio.run(held.trash.empty)

    assert (elsewhere / "precious").read_text() == "mine"
    assert in_trash(held) == ["1"]
    [place] = held.trash.directory.glob("*/work/there")
    [told] = logs
    assert (told["event"], told["mounted"], told["remedy"]) == (MOUNTED, str(place), f"umount {place}")


@needs_root
def test_when_a_mount_is_gone_its_workspace_is_deleted(
    held: WorkDirectory, elsewhere: Path, bind: Bind
) -> None:
    workspace = laid_out(held, 1)
    bind(elsewhere, workspace.work / "there")
    workspace.discard()
    trio.run(held.trash.empty)
    [place] = held.trash.directory.glob("*/work/there")

    umount(place)

    assert not trio.run(held.trash.empty)
    assert in_trash(held) == []
    assert (elsewhere / "precious").read_text() == "mine"


def test_a_link_in_the_place_of_the_trash_leads_to_nothing_that_is_deleted(
    held: WorkDirectory, elsewhere: Path
) -> None:
    workspace = laid_out(held, 1)
    held.trash.directory.rmdir()
    held.trash.directory.symlink_to(elsewhere)

    trio.run(held.trash.empty)
    workspace.discard()
    assert in_trash(held) == ["1"]
    trio.run(held.trash.empty)

    assert in_trash(held) == []
    assert (elsewhere / "precious").read_text() == "mine"


@needs_root
def test_what_is_left_of_a_workspace_whose_session_is_kept_holds_no_file_of_a_mount(
    held: WorkDirectory, elsewhere: Path, bind: Bind
) -> None:
    inside, itself = laid_out(held, 1), laid_out(held, 2)
    bind(elsewhere, inside.directory / "beside")
    bind(elsewhere, itself.directory)

    for workspace, place in ((inside, inside.directory / "beside"), (itself, itself.directory / "precious")):
        with pytest.raises(OSError, match="something is mounted there: unmount it") as caught:
            workspace.strip()
        assert caught.value.filename == str(place)
    with pytest.raises(OSError, match="something is mounted there: unmount it"):
        itself.discard()
    trio.run(held.trash.empty)

    assert sorted(entry.name for entry in inside.directory.iterdir()) == ["beside", "work"]
    assert (elsewhere / "precious").read_text() == "mine"


@needs_root
def test_no_tree_is_removed_in_which_something_is_mounted(
    tmp_path: Path, elsewhere: Path, bind: Bind
) -> None:
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "file").touch()
    bind(elsewhere, tree / "deep" / "there")

    with pytest.raises(OSError, match="something is mounted there; unmount it and try again"):
        mounts.remove_tree(tree)
    assert (tree / "file").exists()
    umount(tree / "deep" / "there")
    mounts.remove_tree(tree)

    assert not tree.exists()
    assert (elsewhere / "precious").exists()


@needs_root
def test_drafts_of_large_files_are_not_removed_from_what_is_mounted_among_them(
    tmp_path: Path, elsewhere: Path, bind: Bind
) -> None:
    files = tmp_path / "files"
    (files / "00").mkdir(parents=True)
    (files / "00" / "draft").touch()
    bind(elsewhere, files / "ab")

    assert LargeFiles(files).older_than(-10) == []

    assert not (files / "00" / "draft").exists()
    assert (elsewhere / "precious").exists()


@needs_root
def test_names_of_mount_points_are_read_whatever_they_hold(
    tmp_path: Path, elsewhere: Path, bind: Bind
) -> None:
    point = tmp_path / 'a b\tc\\d#e\n"\udcff'
    bind(elsewhere, point)

    assert mounts.below(tmp_path) == [point]


@needs_root
def test_an_agent_that_mounts_in_its_workspace_loses_nothing_but_its_workspace(
    site: Site, elsewhere: Path
) -> None:
    """With a real dispatcher: the mount of one run does not keep the workspaces of others from being deleted."""
    place = site.directory / "place"
    site.configure("dispatcher", heartbeat_interval=0.1)  # the test looks at the trash after each heartbeat
    mounting = site.submit(
        f"mkdir one two; mount --bind '{elsewhere}' one; mount -t tmpfs none two; echo x >two/file;"
        f" ln -s '{elsewhere}' three; echo done"
    )
    dispatcher = site.start(prefix=IN_A_NAMESPACE)
    site.wait_for("succeeded", mounting)
    told = dispatcher.wait_for(MOUNTED)
    others = [site.submit(f"echo {number}") for number in range(3)]
    site.wait_for("succeeded", *others)

    place.write_text(str(Path(str(told["mounted"])).parent))
    site.wait_for("succeeded", site.submit(f"umount $(cat {place})/one $(cat {place})/two; echo done"))
    trash = site.workspace(mounting).parent / "trash"
    site.wait_until(lambda: not list(trash.iterdir()))

    assert len(dispatcher.log(MOUNTED)) == 1
    assert (elsewhere / "precious").read_text() == "mine"
