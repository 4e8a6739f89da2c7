"""Git runs without any configuration but ours, ends when it is told to, and says what was wrong."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git, GitError, GitStoppedError
from tests.dispatcher.repositories.making import GIT, repository

FakeGit = Callable[..., None]


@pytest.fixture
def fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGit:
    """Puts a script first on PATH that takes the place of git for all but `git version`."""

    def put(body: str, version: str = "2.47.0") -> None:
        place = tmp_path / "bin"
        place.mkdir()
        (place / "git").write_text(
            f'#!/bin/sh\n[ "$1" = version ] && echo git version {version} && exit\n{body}\n'
        )
        (place / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")

    return put


def refusal(call: Callable[[], object]) -> RepositoryError:
    with pytest.raises(RepositoryError) as caught:
        call()
    return caught.value


def test_no_variable_and_no_file_of_a_user_reaches_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = repository(tmp_path / "source")
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = from a file\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    for name, value in (("COUNT", "1"), ("KEY_0", "user.name"), ("VALUE_0", "from a variable")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)

    shown = Git().run("-C", str(source), "config", "--list", "--show-origin").decode()

    assert "from a" not in shown
    assert "core.hookspath=/dev/null" in shown


def test_further_variables_reach_git(fake_git: FakeGit) -> None:
    fake_git('echo "$LLMCTL_RUN $HOME"')

    assert Git({"LLMCTL_RUN": "7"}).run("status") == b"7 /nonexistent\n"


def test_stop_kills_git_with_all_that_it_started_and_every_later_call_raises(
    fake_git: FakeGit, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    fake_git(f"sleep 1000 & echo $! >{fifo}; wait")
    git = Git()
    caught: list[RepositoryError] = []
    at_work = threading.Thread(target=lambda: caught.append(refusal(lambda: git.run("status"))))
    at_work.start()
    child = int(fifo.read_text())

    git.stop()
    at_work.join()

    assert isinstance(caught[0], GitStoppedError)
    while Path(f"/proc/{child}/stat").exists() and " Z " not in Path(f"/proc/{child}/stat").read_text():
        time.sleep(0.01)
    with pytest.raises(GitStoppedError):
        git.run("version")


def test_a_git_that_takes_too_long_is_ended(fake_git: FakeGit) -> None:
    fake_git("sleep 1000")

    refused = refusal(lambda: Git().run("-c", "a=b", "fetch", timeout=0.2))

    assert refused.error_class == "no_resources"
    assert str(refused) == "git fetch took longer than 0.2 s on this host, and was ended"


def test_of_what_git_complains_beginning_and_end_are_kept(fake_git: FakeGit) -> None:
    fake_git("echo fatal: the reason >&2; yes noise | head -c 3000000 >&2; echo the end >&2; exit 128")

    with pytest.raises(GitError) as caught:
        Git().run("status")

    assert caught.value.exit_code == 128
    assert caught.value.arguments == ("status",)
    assert len(caught.value.stderr) <= 2000
    assert caught.value.stderr.startswith("fatal: the reason")
    assert caught.value.stderr.endswith("the end")
    assert str(caught.value) == "git status failed with exit code 128: the reason"
    assert caught.value.error_class == "spawn_failed"


@pytest.mark.parametrize(
    "body",
    [
        "echo 'error: unable to write file a: No space left on device' >&2; exit 128",
        "echo 'fatal: cannot create x.lock: Disk quota exceeded' >&2; exit 1",
        "echo 'fatal: Out of memory, malloc failed: Cannot allocate memory' >&2; exit 128",
        "kill -9 $$",
    ],
)
def test_trouble_of_the_host_is_told_apart_from_a_failure(fake_git: FakeGit, body: str) -> None:
    fake_git(body)

    assert refusal(lambda: Git().run("status")).error_class == "no_resources"


def test_a_missing_git_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    refused = refusal(lambda: Git().run("status"))

    assert refused.error_class == "no_resources"
    assert "install it (apt install git), version 2.38 or newer" in str(refused)


def test_a_git_that_is_too_old_is_named_with_its_version(tmp_path: Path, fake_git: FakeGit) -> None:
    fake_git("exit 0", version="2.34.1")

    refused = refusal(lambda: Git().run("status"))

    assert refused.error_class == "no_resources"
    assert "is git 2.34, and repositories need 2.38 or newer: upgrade git" in str(refused)


def test_a_program_that_is_not_git_is_not_taken_for_it(fake_git: FakeGit) -> None:
    fake_git("exit 0", version="none")

    assert "is it git?" in str(refusal(lambda: Git().run("status")))


def test_a_relative_part_of_path_finds_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text(f'#!/bin/sh\ntouch {tmp_path}/ran\nexec {GIT} "$@"\n')
    (tmp_path / "git").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".::/usr/bin:/bin")
    source = repository(tmp_path / "source")

    Git().run("status", git_dir=source / ".git", work_tree=tmp_path)

    assert not (tmp_path / "ran").exists()


def test_objects_are_written_where_the_call_says_and_read_from_any_path(tmp_path: Path) -> None:
    source = repository(tmp_path / 'a "quoted": path')
    private = tmp_path / "private"
    git = Git()
    git.run("init", "--bare", "--quiet", "--template=", str(private))
    store = tmp_path / "store"
    store.mkdir()

    written = (
        git.run("hash-object", "-w", "--stdin", git_dir=private, objects=store, stdin=b"new").decode().strip()
    )
    old = git.run("rev-parse", "HEAD:README", git_dir=source / ".git").decode().strip()

    assert (store / written[:2] / written[2:]).is_file()
    assert git.run("cat-file", "-p", old, git_dir=private, alternates=[source / ".git/objects"]) == b"hello\n"


def test_hooks_that_a_configuration_names_are_switched_off_one_by_one(fake_git: FakeGit) -> None:
    listing = r"printf 'hook.evil.command\0hook.evil.event\0hook.a=b.c.command\0'"
    fake_git(
        f'case "$*" in *get-regexp*) {listing};; *) env | grep ^GIT_CONFIG_[CKV] | sort;; esac', "2.54.0"
    )

    shown = Git().run("-C", "/somewhere", "update-ref", "refs/x", "HEAD").decode().split()

    assert shown == [
        "GIT_CONFIG_COUNT=2",
        "GIT_CONFIG_KEY_0=hook.a=b.c.enabled",
        "GIT_CONFIG_KEY_1=hook.evil.enabled",
        "GIT_CONFIG_VALUE_0=false",
        "GIT_CONFIG_VALUE_1=false",
    ]
    assert Git().run("rev-parse", "HEAD") == b""
