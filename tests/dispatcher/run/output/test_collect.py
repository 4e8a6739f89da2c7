"""Output files are taken from the work directory and from nowhere else."""

import hashlib
import os
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from msgspec.structs import replace

from dispatcher.database.transfers import OutputFile
from dispatcher.run.output.collect import IN_MEMORY_BYTES, CollectError, collect
from dispatcher.run.output.masking import Masking
from dispatcher.workspaces.large_files import LargeFiles
from sql.calls import INLINE_BYTES

NO_SECRETS = Masking(())


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "secret").write_text("outside")
    return tmp_path / "work"


def take(work: Path, *paths: str, max_bytes: int = 2**30, masking: Masking = NO_SECRETS) -> list[OutputFile]:
    store = LargeFiles(work.parent / "store")
    return [with_content(file) for file in collect(work, paths, max_bytes, store, masking, work.parent)]


def with_content(file: OutputFile) -> OutputFile:
    """Return the file with the content of its copy: the copy is gone when the next file is taken."""
    if file.copy is None:
        return file
    file.copy.seek(0)
    return replace(file, content=file.copy.read())


def test_a_plain_file_comes_with_content_digest_and_mode(work: Path) -> None:
    (work / "a").mkdir()
    (work / "a" / "b").write_bytes(b"x\0y")
    (work / "a" / "b").chmod(0o4751)

    (file,) = take(work, "a/b")

    assert (file.path, file.size, file.content, file.mode) == ("a/b", 3, b"x\0y", 0o751)
    assert file.sha256 == hashlib.sha256(b"x\0y").hexdigest()


def test_hard_links_and_empty_files_are_plain_files(work: Path) -> None:
    (work / "empty").touch()
    (work / "linked").hardlink_to(work / "empty")

    assert [file.size for file in take(work, "empty", "linked")] == [0, 0]


def link_at_the_end(work: Path) -> str:
    (work / "way").symlink_to(work.parent / "secret")
    return "way"


def link_in_the_middle(work: Path) -> str:
    (work / "way").symlink_to(work.parent)
    return "way/secret"


def link_that_stays_inside(work: Path) -> str:
    (work / "real").write_text("inside")
    (work / "way").symlink_to("real")
    return "way"


def link_of_links(work: Path) -> str:
    (work / "one").mkdir()
    (work / "one" / "two").symlink_to(work.parent, target_is_directory=True)
    return "one/two/secret"


def fifo(work: Path) -> str:
    os.mkfifo(work / "way")
    return "way"


def directory(work: Path) -> str:
    (work / "way").mkdir()
    return "way"


def device(work: Path) -> str:
    try:
        os.mknod(work / "way", 0o666 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root can make a device")
    return "way"


def file_in_place_of_a_directory(work: Path) -> str:
    (work / "way").write_text("no directory")
    return "way/secret"


@pytest.mark.parametrize(
    "trap",
    [
        link_at_the_end,
        link_in_the_middle,
        link_that_stays_inside,
        link_of_links,
        fifo,
        directory,
        device,
        file_in_place_of_a_directory,
    ],
)
def test_what_is_no_plain_file_below_the_work_directory_is_refused_by_name(work: Path, trap: object) -> None:
    assert callable(trap)
    path = trap(work)

    with pytest.raises(CollectError, match=path) as caught:
        take(work, path)

    assert caught.value.error_class == "output_missing"


def test_missing_files_are_named_together_and_those_that_exist_are_kept(work: Path) -> None:
    (work / "there").write_text("x")
    files = collect(
        work, ["one", "there", "no/two"], 100, LargeFiles(work.parent / "store"), NO_SECRETS, work.parent
    )

    assert next(files).path == "there"
    with pytest.raises(CollectError, match="one, no/two"):
        next(files)


def test_the_size_of_all_files_together_is_bounded(work: Path) -> None:
    (work / "a").write_bytes(b"x" * 60)
    (work / "b").write_bytes(b"x" * 60)
    files = collect(work, ["a", "b"], 100, LargeFiles(work.parent / "store"), NO_SECRETS, work.parent)

    assert next(files).size == 60
    with pytest.raises(CollectError, match="b has 60 bytes, and only 40 are left") as caught:
        next(files)
    assert caught.value.error_class == "output_too_large"


def test_a_large_file_goes_to_the_store_once_and_by_its_content(work: Path) -> None:
    with (work / "big").open("wb") as file:
        file.truncate(INLINE_BYTES + 1)
    (work / "same").hardlink_to(work / "big")

    first, second = take(work, "big", "same")

    assert first.content is None
    assert first.storage_url == second.storage_url
    stored = Path(unquote(urlparse(first.storage_url or "").path))
    assert stored.stat().st_size == INLINE_BYTES + 1
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == first.sha256
    assert [entry.name for entry in stored.parent.iterdir()] == [stored.name], "no draft is left"
    assert stored.stat().st_mode & 0o077 == 0
    assert stored.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("size", [INLINE_BYTES - 1_000_000, INLINE_BYTES + 1])
def test_a_file_that_is_still_written_is_kept_as_it_was_read_and_has_an_end(work: Path, size: int) -> None:
    with (work / "grows").open("wb") as file:
        file.truncate(size)
    writer = subprocess.Popen(["sh", "-c", "ulimit -f 1000000; exec yes >>grows"], cwd=work)
    try:
        (kept,) = take(work, "grows")
    finally:
        writer.kill()
        writer.wait()

    content = kept.content or Path(unquote(urlparse(kept.storage_url or "").path)).read_bytes()
    assert (kept.size, kept.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_no_work_directory_any_more_means_that_all_is_missing(work: Path) -> None:
    work.rmdir()

    with pytest.raises(CollectError, match="gone"):
        take(work, "gone")


@pytest.mark.parametrize("size", [1_000, IN_MEMORY_BYTES + 1_000, INLINE_BYTES + 1_000])
def test_a_key_in_a_file_is_masked_and_nothing_else(work: Path, size: int) -> None:
    key = b"sk-planted-0123456789"
    (work / "told").write_bytes(b"\xff" * (size - 10) + key + b" in eu-west\n")
    masking = Masking(["eu-west", key.decode()], [key.decode()])
    (file,) = take(work, "told", masking=masking.of_files)

    content = file.content or Path(unquote(urlparse(file.storage_url or "").path)).read_bytes()
    assert content == b"\xff" * (size - 10) + b"*** in eu-west\n"
    assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
