"""Whatever fails or is killed while a run is recorded, recording it again loses nothing."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dispatcher.repositories.failures import RepositoryError
from sql.rows.dispatchers import Change
from tests.dispatcher.repositories.runs import Repository, Run, git

GIT = shutil.which("git")
STAND_IN = """\
#!/bin/sh
[ "$1" = version ] && exec {git} "$@"
read n < {calls}
echo $((n + 1)) > {calls}
[ $n -eq {at} ] || exec {git} "$@"
{fault}
"""
FAULTS = {
    "git fails": "exit 1",
    "git is killed": "kill -9 $$",
    "we are killed after a step": '{git} "$@"; kill -9 $PPID',
}


@contextmanager
def fault_at(call: int, fault: str, directory: Path) -> Iterator[Path]:
    """Let a call of git go wrong. Yields the file with the number of the next call."""
    calls = directory / "calls"
    calls.write_text("1\n")
    program = directory / "bin" / "git"
    program.parent.mkdir(exist_ok=True)
    program.write_text(STAND_IN.format(git=GIT, calls=calls, at=call, fault=FAULTS[fault].format(git=GIT)))
    program.chmod(0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{program.parent}:{path}"
    try:
        yield calls
    finally:
        os.environ["PATH"] = path


def recorded_in_a_process(run: Run) -> None:
    """Record in a process of its own, which may be killed."""
    process = os.fork()
    if process == 0:
        try:
            run.record()
        except RepositoryError:
            pass
        finally:
            os._exit(0)
    os.waitpid(process, 0)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "shop")
    repository.commit(a="one\n", b="two\n", dir_in_c="three\n", __gitignore="*.log\n")
    return repository


def busy(repository: Repository) -> Run:
    """Return a run whose agent left something of each kind."""
    run = repository.run()
    run.agent(
        "echo s >> a; git stash -q; git checkout -qb side; echo side > s; git add s; git commit -qm Side"
    )
    run.agent(
        "git checkout -q llmctl/12; echo 1 >> a; git commit -qam A; echo 2 >> a; git add a; echo 3 >> a"
    )
    run.agent("git init -q sub; cd sub; echo 1 > one; git add .; git commit -qm First; echo 2 >> one")
    run.agent("rm b; echo new > n")
    return run


def require_everything(repository: Repository, run: Run, change: Change, left: dict[bytes, bytes]) -> None:
    assert change.problem is None
    assert repository.tree(change.head_commit) == left
    assert repository.tree(f"{change.head_commit}^")[b"a"] == b"one\n1\n2\n"
    ours = f"refs/llmctl/12/{run.name.run_no}"
    side = {
        name.removeprefix(f"{ours}-"): at for name, at in repository.refs().items() if name.startswith(ours)
    }
    assert {"refs/heads/side", "refs/stash", "nested/1-sub", ours} <= side.keys()
    assert repository.tree(side["refs/stash"])[b"a"] == b"one\ns\n"
    assert repository.tree(side["nested/1-sub"])[b"one"] == b"1\n2\n"


@pytest.mark.parametrize("fault", ["git is killed", "we are killed after a step"])
def test_kills_at_each_step_cost_nothing_once_they_are_over(
    repository: Repository, tmp_path: Path, fault: str
) -> None:
    run = busy(repository)
    left = run.files()
    for call in range(1, 100):
        with fault_at(call, fault, tmp_path) as calls:
            recorded_in_a_process(run)
        if int(calls.read_text()) <= call:
            break
    assert call > 20
    refs = repository.refs()
    require_everything(repository, run, run.record(), left)
    assert repository.refs() == refs
    git(repository.path, "fsck", "--strict", "--connectivity-only")


def test_a_git_that_fails_once_at_any_step_costs_nothing(repository: Repository, tmp_path: Path) -> None:
    run = busy(repository)
    left = run.files()
    for call in range(1, 100):
        again = replace(run, name=replace(run.name, run_no=call, run_id=f"run-{call}"))
        with fault_at(call, "git fails", tmp_path) as calls:
            try:
                again.record()
            except RepositoryError:
                assert f"refs/llmctl/12/{call}" not in repository.refs()
        if call % 4 == 0:
            require_everything(repository, again, again.record(), left)
        if int(calls.read_text()) <= call:
            break
    assert call > 20
