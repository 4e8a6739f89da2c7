"""Whatever fails while a clone is made, the next attempt makes all of it, and the source has lost nothing."""

import mmap
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from dispatcher.host.host_trouble import is_host_trouble
from dispatcher.repositories.clones import read_clone
from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git, GitStoppedError
from dispatcher.repositories.refs import base_ref, pin
from dispatcher.repositories.sources import find_source, resolve_base
from tests.dispatcher.repositories.making import GIT, OWNER, Yard, commit, git, repository, snapshot, tree
from tests.fixtures.scarcity import small_disk
from tests.fixtures.users import NOBODY, as_user, needs_root

CALLS = 20
"""More than there are calls of git from name to clone."""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def source(yard: Yard) -> Path:
    place = repository(yard.allowed / "shop")
    git(place, "update-index", "--add", "--cacheinfo", f"160000,{git(place, 'rev-parse', 'HEAD')},sub")
    (place / "sub").mkdir()
    (place / ".gitattributes").write_text("*.bin filter=lfs\n")
    commit(place, "what takes each step")
    return place


def git_that(yard: Yard, does: str, call: int) -> str:
    """Return a PATH with a git that at one of its calls does something else; ``$@`` holds the arguments."""
    place = yard.root / f"bin-{call}"
    place.mkdir()
    (place / "git").write_text(
        f'#!/bin/sh\necho >>{place}/calls\n[ "$(wc -l <{place}/calls)" -eq {call} ] && {{ {does}; }}\nexec {GIT} "$@"\n'
    )
    (place / "git").chmod(0o755)
    return f"{place}:/usr/bin:/bin"


def calls(yard: Yard, call: int) -> int:
    return len((yard.root / f"bin-{call}" / "calls").read_text().splitlines())


def failure(yard: Yard, source: Path) -> str | None:
    try:
        yard.clone_of(source)
    except RepositoryError as error:
        return error.error_class
    return None


def assert_made(yard: Yard, source: Path, *, may_leave: Sequence[Path] = ()) -> None:
    """Make the clone with a sound git, and look at it. ``may_leave`` are drafts in which somebody still writes."""
    clone, remarks = yard.clone_of(source)
    assert tree(clone.work) == tree(source)
    assert git(clone.work, "status", "--porcelain") == ""
    assert git(clone.work, "rev-parse", "HEAD", "llmctl/12") == f"{clone.base}\n{clone.base}"
    assert read_clone(clone.work, clone.private) == clone
    assert len(remarks) == 1
    assert set(clone.work.parent.glob(".clone-*")) <= set(may_leave)


@pytest.mark.parametrize(
    "does",
    [
        "exit 1",
        "echo fatal: broken >&2; exit 128",
        "kill -9 $$",
        'timeout -s KILL 0.002 git "$@"; kill -9 $$',
    ],
)
def test_a_git_that_fails_at_any_call_leaves_nothing_half_made(
    yard: Yard, source: Path, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    sound = os.environ["PATH"]
    before = snapshot(source)
    failed = 0
    for call in range(1, CALLS + 1):
        monkeypatch.setenv("PATH", git_that(yard, does, call))
        if (error_class := failure(yard, source)) is not None:
            failed += 1
            assert error_class in ("no_resources", "spawn_failed", "invalid_request")
            assert not [*yard.root.glob("runs/12-1/*"), *yard.root.glob("runs/12-1/.*")]
        monkeypatch.setenv("PATH", sound)
        assert snapshot(source) == before
        assert_made(yard, source)
        for place in ("work", "repository"):
            subprocess.run(["rm", "-r", str(yard.root / "runs/12-1" / place)], check=True)
    assert failed >= 8
    assert calls(yard, CALLS) < CALLS


@pytest.mark.parametrize("call", range(1, 15))
def test_a_dispatcher_killed_at_any_call_whose_git_goes_on_spoils_no_later_clone(
    yard: Yard, source: Path, call: int
) -> None:
    before = snapshot(source)
    alive = yard.root / "alive"
    os.mkfifo(alive)
    reader = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    path = git_that(yard, f'exec 9>{alive}; kill -9 $PPID; "$0" "$@"; exit', call)
    code = (
        "from pathlib import Path; from tests.dispatcher.repositories.making import Yard;"
        f"Yard(Path({str(yard.root)!r})).clone_of({str(source)!r})"
    )

    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PATH": path}, check=False
    )

    assert killed.returncode in (-signal.SIGKILL, 0)
    assert (killed.returncode == 0) == (calls(yard, call) < call)
    # It may write on behind the removal of its own draft, and into no other one.
    assert_made(yard, source, may_leave=list((yard.root / "runs/12-1").glob(".clone-*")))
    assert snapshot(source) == before
    if killed.returncode:
        over = select.poll()
        over.register(reader, select.POLLHUP)
        assert over.poll(60_000)
        assert_made(yard, source, may_leave=list((yard.root / "runs/12-1").glob(".clone-*")))
    os.close(reader)


def test_a_clone_that_is_stopped_leaves_nothing(
    yard: Yard, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Git()
    base = resolve_base(find_source(str(source), yard.settings, runner), None, runner)
    runner.stop()

    with pytest.raises(GitStoppedError):
        yard.clone_of(source, runner=runner)

    assert base == git(source, "rev-parse", "HEAD")
    assert not (yard.root / "runs/12-1").exists()
    assert_made(yard, source)


@needs_root
def test_a_full_disk_in_the_middle_of_a_clone_is_trouble_of_the_host(yard: Yard) -> None:
    source = repository(yard.allowed / "shop", {f"file{number}": "x" * 50_000 for number in range(100)})
    with small_disk(yard.root / "runs", "2m"):
        with pytest.raises(RepositoryError) as caught:
            yard.clone_of(source)

        assert caught.value.error_class == "no_resources"
        assert str(caught.value).endswith("is full: free some space")
        assert list((yard.root / "runs/12-1").iterdir()) == []
        subprocess.run(["mount", "-o", "remount,size=20m", str(yard.root / "runs")], check=True)
        clone, _ = yard.clone_of(source)
        assert tree(clone.work) == tree(source)


@needs_root
def test_a_disk_that_is_full_at_any_point_of_a_clone_is_trouble_of_the_host(yard: Yard, source: Path) -> None:
    met: list[RepositoryError | OSError] = []
    with small_disk(yard.root / "runs", "1m"):
        filler = yard.root / "runs" / "filler"
        filler.write_bytes(bytes(2**20 - mmap.PAGESIZE * 2))
        while True:
            try:
                clone, _ = yard.clone_of(source)
                break
            except (RepositoryError, OSError) as error:
                met.append(error)
            os.truncate(filler, filler.stat().st_size - mmap.PAGESIZE)
        assert tree(clone.work) == tree(source)
    assert len(met) > 5
    for failure in met:
        if isinstance(failure, RepositoryError):
            assert failure.error_class == "no_resources", failure
        else:
            assert is_host_trouble(failure), repr(failure)


@needs_root
def test_a_full_disk_under_the_source_is_trouble_of_the_host(yard: Yard) -> None:
    with small_disk(yard.allowed / "disk", "1m"):
        source = repository(yard.allowed / "disk" / "shop")
        filler = source / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 4096):
                    pass
            except OSError:
                pass

        with pytest.raises(RepositoryError) as caught:
            yard.clone_of(source)

        assert caught.value.error_class == "no_resources"
        assert not (yard.root / "runs/12-1").exists()
        filler.unlink()
        clone, _ = yard.clone_of(source)
        assert tree(clone.work) == tree(source)


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", str(place), str(place)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(place)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@needs_root
def test_a_read_only_source_is_refused_before_there_is_a_clone(yard: Yard, source: Path) -> None:
    with read_only(source / ".git"), pytest.raises(RepositoryError) as caught:
        yard.clone_of(source)

    assert caught.value.error_class == "permission_denied"
    assert f"the dispatcher cannot write to {source}/.git" in str(caught.value)
    assert not (yard.root / "runs/12-1").exists()


@needs_root
def test_read_only_refs_of_a_source_are_refused_with_what_to_do(yard: Yard, source: Path) -> None:
    with read_only(source / ".git/refs"), pytest.raises(RepositoryError) as caught:
        yard.clone_of(source)

    assert caught.value.error_class == "permission_denied"
    assert "make it writable for the dispatcher's user, or name a clone of it" in str(caught.value)


@needs_root
def test_a_source_of_another_user_that_we_may_only_read_is_refused(source: Path, yard: Yard) -> None:
    for place in (yard.root, *yard.root.parents):
        if place.stat().st_mode & 0o005 != 0o005:
            place.chmod(place.stat().st_mode | 0o055)

    def refused() -> tuple[str, str]:
        try:
            yard.clone_of(source)
        except RepositoryError as error:
            return error.error_class, str(error)
        return "", ""

    error_class, message = as_user(NOBODY, refused)

    assert error_class == "permission_denied"
    assert f"the dispatcher cannot write to {source}/.git" in message


def test_a_ref_of_somebody_else_stays_and_ours_gets_another_name(yard: Yard, source: Path) -> None:
    runner = Git()
    found = find_source(str(source), yard.settings, runner)
    first, second, third = (commit(source, f"commit {number}") for number in range(3))
    ref = base_ref(12)

    names = [
        pin(found, ref, wanted, OWNER, runner) for wanted in (first, second, third, third, second, first)
    ]

    own, other = f"{ref}-{OWNER[:8]}", f"{ref}-{OWNER[:8]}-{third[:8]}"
    assert names == [ref, own, other, other, own, ref]
    for name, wanted in ((ref, first), (own, second), (other, third)):
        assert git(source, "rev-parse", name) == wanted


def test_a_ref_in_the_way_of_ours_is_refused_with_its_name(yard: Yard, source: Path) -> None:
    git(source, "update-ref", "refs/llmctl", "HEAD")

    with pytest.raises(RepositoryError) as caught:
        yard.clone_of(source)

    assert caught.value.error_class == "invalid_request"
    assert "'refs/llmctl' exists" in str(caught.value)
