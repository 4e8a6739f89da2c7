"""Full disks, files that the dispatcher may not read, and sources that it may not write."""

import contextlib
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dispatcher.host.host_trouble import HOST_TROUBLE
from dispatcher.repositories.failures import RepositoryError
from tests.dispatcher.repositories.runs import Repository, Run, git
from tests.fixtures.scarcity import small_disk
from tests.fixtures.users import NOBODY, as_user, needs_root


def is_trouble(error: Exception) -> bool:
    if isinstance(error, RepositoryError):
        return error.error_class == "no_resources"
    return isinstance(error, OSError) and error.errno in HOST_TROUBLE


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


@needs_root
@pytest.mark.parametrize("place", ["source", "private directory"])
def test_a_full_disk_is_trouble_of_the_host_and_costs_nothing_once_there_is_room(
    tmp_path: Path, place: str
) -> None:
    with small_disk(tmp_path / "disk", "3m"):
        repository = Repository((tmp_path / "disk" if place == "source" else tmp_path) / "shop")
        repository.commit(a="one\n")
        if place == "source":
            repository.runs = tmp_path / "runs"
            repository.runs.mkdir()
        run = repository.run()
        if place != "source":
            shutil.copytree(run.clone.private, tmp_path / "disk" / "private")
            shutil.rmtree(run.clone.private)
            run = Run(
                type(run.clone)(run.work, tmp_path / "disk" / "private", run.clone.source, run.clone.base),
                run.name,
            )
        (run.work / "large").write_bytes(os.urandom(200_000))
        filler = tmp_path / "disk" / "filler"
        fill(filler)
        with pytest.raises((RepositoryError, OSError)) as caught:
            run.record()
        assert is_trouble(caught.value)
        assert repository.refs() == {}
        filler.unlink()
        change = run.record()
        assert change.problem is None
        assert repository.tree(change.head_commit) == run.files()


@needs_root
def test_what_an_agent_made_unreadable_is_made_readable_and_recorded() -> None:
    with TemporaryDirectory() as temporary:
        os.chown(temporary, NOBODY.pw_uid, NOBODY.pw_gid)

        def recorded() -> tuple[bool, bool, str | None]:
            repository = Repository(Path(temporary) / "shop")
            repository.commit(a="one\n", dir_in_c="three\n")
            run = repository.run()
            run.agent(
                "mkdir closed; echo x > closed/x; echo y > y; echo z > dir/z; git add y; git commit -qm Y"
            )
            left = run.files()
            run.agent(
                "chmod 000 closed y dir .git/objects/??/* .git/refs .git/HEAD a; chmod 100 .git/objects"
            )
            change = run.record()
            return repository.tree(change.head_commit) == left, change.kept_in is None, change.problem

        assert as_user(NOBODY, recorded) == (True, True, None)


@needs_root
def test_files_of_another_user_keep_the_directory_and_the_rest_is_recorded() -> None:
    with TemporaryDirectory() as temporary:
        os.chown(temporary, NOBODY.pw_uid, NOBODY.pw_gid)
        repository = as_user(NOBODY, lambda: Repository(Path(temporary) / "shop"))
        as_user(NOBODY, lambda: repository.commit(a="one\n"))
        run = as_user(NOBODY, repository.run)
        (run.work / "theirs").write_text("theirs\n")
        (run.work / "closed").mkdir()
        (run.work / "closed" / "x").write_text("x\n")
        for name in ("theirs", "closed"):
            (run.work / name).chmod(0o700 if name == "closed" else 0o600)
        (run.work / "a").write_text("two\n")
        change = as_user(NOBODY, run.record)
        assert as_user(NOBODY, lambda: repository.tree(change.head_commit)) == {b"a": b"two\n"}
        assert "may not read 'closed', 'theirs'" in str(change.problem).replace(
            "'theirs', 'closed'", "'closed', 'theirs'"
        )
        assert change.kept_in == str(run.work)


@needs_root
def test_a_source_that_cannot_be_written_is_said_and_nothing_is_half_done() -> None:
    with TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)
        repository = Repository(Path(temporary) / "shop")
        repository.commit(a="one\n")
        run = repository.run()
        run.agent("echo two > a")
        for name, _, _ in os.walk(repository.runs):
            os.chown(name, NOBODY.pw_uid, NOBODY.pw_gid)

        def refused() -> tuple[str, str]:
            with pytest.raises(RepositoryError) as caught:
                run.record()
            return caught.value.error_class, str(caught.value)

        error_class, message = as_user(NOBODY, refused)
        assert (error_class, "make it writable" in message) == ("permission_denied", True)
        assert run.record().files == 1


@needs_root
def test_objects_that_root_writes_keep_the_owner_of_the_repository_able_to_write() -> None:
    with TemporaryDirectory() as temporary:
        os.chown(temporary, NOBODY.pw_uid, NOBODY.pw_gid)
        repository = as_user(NOBODY, lambda: Repository(Path(temporary) / "shop"))
        as_user(NOBODY, lambda: repository.commit(a="one\n"))
        run = repository.run()
        for number in range(300):
            (run.work / f"n{number}").write_text(f"{number}\n")
        run.record()
        owners = {entry.stat().st_uid for entry in repository.source.objects.iterdir()}
        assert owners == {NOBODY.pw_uid}
        as_user(NOBODY, lambda: git(repository.path, "gc", "-q"))
