"""Files of Git LFS are recorded as git-lfs would: pointers in the change, contents in the store of the source."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dispatcher.repositories.git import Git, GitStoppedError
from dispatcher.repositories.patches import write_patch
from tests.dispatcher.repositories.making import needs_lfs
from tests.dispatcher.repositories.runs import Repository, Run, git
from tests.fixtures.scarcity import small_disk
from tests.fixtures.users import needs_root

pytestmark = needs_lfs

FIRST = os.urandom(3_000_000)
SETUP = "git lfs install --local && git lfs pull"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A source whose files `*.bin` are in LFS."""
    repository = Repository(tmp_path / "shop")
    git(repository.path, "lfs", "install", "--local")
    attributes = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
    repository.commit(a="one\n", left__bin=FIRST, edited__bin="edit me\n", __gitattributes=attributes)
    return repository


def pointer(content: bytes) -> bytes:
    digest = hashlib.sha256(content).hexdigest()
    head = b"version https://git-lfs.github.com/spec/v1"
    return head + f"\noid sha256:{digest}\nsize {len(content)}\n".encode()


def stored(place: Path, content: bytes) -> bool:
    """Return whether a store has this content, whole."""
    digest = hashlib.sha256(content).hexdigest()
    file = place / "objects" / digest[:2] / digest[2:4] / digest
    return file.is_file() and file.read_bytes() == content


def test_what_a_setup_pulled_is_no_change(repository: Repository) -> None:
    run = repository.run()
    run.agent(SETUP)
    assert (run.work / "left.bin").read_bytes() == FIRST

    change = run.record()

    assert (change.head_commit, change.files, change.problem) == (run.clone.base, 0, None)


def test_edited_and_new_files_are_pointers_and_the_source_checks_out_their_bytes(
    repository: Repository, tmp_path: Path
) -> None:
    new = os.urandom(2_500_000)
    run = repository.run()
    run.agent(f"{SETUP}; echo more >> edited.bin; mkdir deep; chmod +x left.bin; echo two >> a")
    (run.work / "deep" / "new.bin").write_bytes(new)

    change = run.record()

    tree = repository.tree(change.head_commit)
    assert change.problem is None
    assert tree[b"edited.bin"] == pointer(b"edit me\nmore\n")
    assert tree[b"deep/new.bin"] == pointer(new)
    assert tree[b"left.bin"] == pointer(FIRST)
    assert change.files == 4
    assert git(repository.path, "ls-tree", str(change.head_commit), "left.bin").startswith("100755")
    assert not any((repository.path / ".git/lfs/tmp").iterdir())
    patch = tmp_path / "patch"
    write_patch(run.clone, change, patch, Git())

    git(repository.path, "apply", "--3way", "--binary", str(patch))
    assert (repository.path / "edited.bin").read_text() == "edit me\nmore\n"
    assert (repository.path / "deep/new.bin").read_bytes() == new
    git(repository.path, "reset", "-q", "--hard")

    git(repository.path, "checkout", "-q", str(change.ref))
    assert run.files() == {
        os.fsencode(file.relative_to(repository.path)): file.read_bytes()
        for file in repository.path.rglob("*")
        if file.is_file() and ".git" not in file.parts
    }
    assert git(repository.path, "status", "--porcelain") == ""
    git(repository.path, "lfs", "fsck")


def test_pointers_and_empty_files_stay_as_they_are(repository: Repository) -> None:
    run = repository.run()
    odd = pointer(b"x").replace(b"\n", b"\r\n")
    run.agent(": > empty.bin; cp left.bin copy.bin; touch left.bin")
    (run.work / "odd.bin").write_bytes(odd)

    tree = repository.tree(run.record().head_commit)

    assert (tree[b"empty.bin"], tree[b"copy.bin"], tree[b"odd.bin"]) == (b"", pointer(FIRST), odd)
    assert tree[b"left.bin"] == pointer(FIRST)


def test_no_git_lfs_and_no_filter_of_the_agent_runs(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary, programs = tmp_path / "canary", tmp_path / "programs"
    programs.mkdir()
    (programs / "git-lfs").write_text(f"#!/bin/sh\ntouch {canary}\n")
    (programs / "git-lfs").chmod(0o755)
    run = repository.run()
    run.agent(
        f"echo n > n.bin; git config filter.lfs.clean 'touch {canary}'; git config filter.lfs.required true"
    )
    run.agent(
        f"git config --file .lfsconfig lfs.storage {tmp_path}/theirs; cp .git/config ../repository/config"
    )
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    change = run.record()

    assert repository.tree(change.head_commit)[b"n.bin"] == pointer(b"n\n")
    assert not canary.exists()
    assert not (tmp_path / "theirs").exists()


def test_runs_that_store_the_same_contents_at_once_do_not_disturb_each_other(repository: Repository) -> None:
    content = os.urandom(4_000_000)
    runs = [repository.run(number) for number in range(20, 24)]
    for run in runs:
        (run.work / "n.bin").write_bytes(content)

    with ThreadPoolExecutor(len(runs)) as pool:
        changes = list(pool.map(Run.record, runs))

    assert {repository.tree(change.head_commit)[b"n.bin"] for change in changes} == {pointer(content)}
    assert stored(repository.path / ".git/lfs", content)


def test_what_only_looks_like_a_pointer_is_stored(repository: Repository) -> None:
    run = repository.run()
    contents = {"long.bin": pointer(b"x") + b"\n" * 1000, "cut.bin": pointer(b"x")[:-20]}
    for name, content in contents.items():
        (run.work / name).write_bytes(content)

    tree = repository.tree(run.record().head_commit)

    assert {name: tree[name.encode()] for name in contents} == {
        name: pointer(content) for name, content in contents.items()
    }


def test_contents_that_an_agent_committed_and_changed_again_are_stored(repository: Repository) -> None:
    run = repository.run()
    run.agent(f"{SETUP}; git checkout -qb side; echo s > side.bin; git add side.bin; git commit -qm Side")
    run.agent("git checkout -q llmctl/12; echo second > edited.bin; git commit -qam Second")
    run.agent("echo third > edited.bin; git add .; echo fourth > edited.bin")

    change = run.record()

    store = repository.path / ".git/lfs"
    assert all(stored(store, content) for content in (b"second\n", b"third\n", b"fourth\n", b"s\n"))
    assert repository.tree(f"{change.head_commit}")[b"edited.bin"] == pointer(b"fourth\n")
    git(repository.path, "checkout", "-q", f"{change.head_commit}~1")
    git(repository.path, "checkout", "-q", "refs/llmctl/12/1-refs/heads/side")
    assert (repository.path / "side.bin").read_text() == "s\n"


def test_an_object_that_an_agent_forged_never_gets_the_name_of_another(repository: Repository) -> None:
    run = repository.run()
    digest = hashlib.sha256(b"other").hexdigest()
    place = f".git/lfs/objects/{digest[:2]}/{digest[2:4]}"
    run.agent(f"{SETUP}; mkdir -p {place}; echo forged > {place}/{digest}")

    run.record()

    store = repository.path / ".git/lfs"
    assert stored(store, b"forged\n")
    assert not (store / "objects" / digest[:2] / digest[2:4] / digest).exists()


def test_the_attributes_that_are_recorded_decide(repository: Repository) -> None:
    run = repository.run()
    run.agent(
        f"{SETUP}; echo '*.dat filter=lfs' > .gitattributes; mkdir sub; echo d > d.dat; echo s > sub/s.bin"
    )
    run.agent("echo '*.bin filter=lfs' > sub/.gitattributes")

    tree = repository.tree(run.record().head_commit)

    assert (tree[b"d.dat"], tree[b"sub/s.bin"]) == (pointer(b"d\n"), pointer(b"s\n"))
    assert tree[b"left.bin"] == FIRST


def test_files_that_git_itself_reads_are_never_pointers(repository: Repository) -> None:
    run = repository.run()
    run.agent("echo '* filter=lfs' > .gitattributes; echo x.log > .gitignore; echo b > b")

    change = run.record()

    tree = repository.tree(change.head_commit)
    assert (tree[b".gitattributes"], tree[b".gitignore"]) == (b"* filter=lfs\n", b"x.log\n")
    assert tree[b"b"] == pointer(b"b\n")
    git(repository.path, "checkout", "-q", str(change.ref))
    assert (repository.path / "b").read_text() == "b\n"


def test_files_of_lfs_become_links_directories_and_others_and_back(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit(folder_in_f__bin="f\n", was="was\n")
    (tmp_path / "secret.bin").write_text("secret\n")
    run = repository.run()
    run.agent(
        f"{SETUP}; rm -r folder left.bin was; ln -s {tmp_path} folder; ln -s {tmp_path}/secret.bin left.bin"
    )
    run.agent("ln -s edited.bin link.bin; mkdir was; echo i > was/inner.bin; mkfifo pipe.bin; rm edited.bin")
    run.agent("mkdir edited.bin; echo x > edited.bin/x; echo n > 'line\nend.bin'; echo m > ':(top)m.bin'")

    change = run.record()

    tree = repository.tree(change.head_commit)
    assert "FIFOs" in str(change.problem)
    assert tree == {
        b".gitattributes": tree[b".gitattributes"],
        b"a": b"one\n",
        b"folder": os.fsencode(tmp_path),
        b"left.bin": os.fsencode(tmp_path / "secret.bin"),
        b"link.bin": b"edited.bin",
        b"was/inner.bin": pointer(b"i\n"),
        b"edited.bin/x": b"x\n",
        b"line\nend.bin": pointer(b"n\n"),
        b":(top)m.bin": pointer(b"m\n"),
    }
    assert not stored(repository.path / ".git/lfs", b"secret\n")


def test_a_name_that_git_does_not_take_leaves_the_others_in_lfs(repository: Repository) -> None:
    run = repository.run()
    run.agent("mkdir .GIT; echo x > .GIT/x.bin; echo n > n.bin; echo m > m.bin")

    change = run.record()

    tree = repository.tree(change.head_commit)
    assert (tree[b"n.bin"], tree[b"m.bin"]) == (pointer(b"n\n"), pointer(b"m\n"))
    assert "'.GIT/x.bin'" in str(change.problem)
    assert change.kept_in == str(run.work)


def test_ignored_files_and_files_of_other_filters_are_left_alone(repository: Repository) -> None:
    run = repository.run()
    run.agent(
        "echo 'ignored.bin' > .gitignore; echo i > ignored.bin; echo '*.x filter=other' >> .gitattributes"
    )
    run.agent(
        "echo x > x.x; git init -q nested; echo '*.y filter=lfs' > nested/.gitattributes; echo y > nested/y.y"
    )

    tree = repository.tree(run.record().head_commit)

    assert b"ignored.bin" not in tree
    assert (tree[b"x.x"], tree[b"nested/y.y"]) == (b"x\n", pointer(b"y\n"))
    assert not stored(repository.path / ".git/lfs", b"i\n")


@pytest.mark.parametrize("inside", [True, False])
def test_contents_go_to_the_store_of_the_source_if_that_is_inside(
    repository: Repository, tmp_path: Path, inside: bool
) -> None:
    git(repository.path, "config", "lfs.storage", "mine/lfs" if inside else str(tmp_path / "elsewhere"))
    run = repository.run()
    run.agent("echo n > n.bin")

    change = run.record()

    git_dir = repository.path / ".git"
    assert stored(git_dir / "mine/lfs" if inside else git_dir / "lfs", b"n\n")
    assert not (tmp_path / "elsewhere").exists()
    if inside:
        assert change.problem is None
        git(repository.path, "checkout", "-q", str(change.ref), "--", "n.bin")
        assert (repository.path / "n.bin").read_text() == "n\n"
    else:
        assert "lfs.storage is not inside" in str(change.problem)
        assert change.kept_in is None


@pytest.mark.parametrize("mode", [0o750, 0o700])
def test_who_may_read_the_objects_of_the_source_may_read_its_contents(
    repository: Repository, mode: int
) -> None:
    (repository.path / ".git/objects").chmod(mode)
    run = repository.run()
    run.agent("echo n > n.bin")

    run.record()

    digest = hashlib.sha256(b"n\n").hexdigest()
    place = repository.path / ".git/lfs/objects" / digest[:2] / digest[2:4]
    assert place.stat().st_mode & 0o777 == mode
    assert (place / digest).stat().st_mode & 0o777 == mode & 0o444


@needs_root
def test_a_full_disk_is_trouble_of_the_host_and_the_next_attempt_records_all(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "8m"):
        repository = Repository(tmp_path / "small" / "shop")
        repository.commit(__gitattributes="*.bin filter=lfs\n", a="a\n")
        run = repository.run()
        content = os.urandom(3_000_000)
        (run.work / "n.bin").write_bytes(content)
        filling = tmp_path / "small" / "filling"
        filling.write_bytes(bytes(3_000_000))

        with pytest.raises(OSError, match="No space left"):
            run.record()
        assert repository.refs() == {}
        assert not list((repository.path / ".git/lfs/tmp").iterdir())

        filling.unlink()
        change = run.record()
        assert repository.tree(change.head_commit)[b"n.bin"] == pointer(content)
        assert stored(repository.path / ".git/lfs", content)


def test_a_stop_ends_the_reading_of_a_large_file(repository: Repository) -> None:
    run = repository.run()
    (run.work / "n.bin").write_bytes(b"n" * 5_000_000)

    class Stopping(Git):
        def run(self, *arguments: str, **more: object) -> bytes:
            output: bytes = super().run(*arguments, **more)  # type: ignore[arg-type]
            if arguments[0] == "check-attr":
                self.stop()
            return output

    with pytest.raises(GitStoppedError):
        run.record(Stopping())
    assert repository.refs() == {}


def counted(calls: list[str]) -> Git:
    class Counting(Git):
        def run(self, *arguments: str, **more: object) -> bytes:
            calls.append(arguments[0])
            return super().run(*arguments, **more)  # type: ignore[arg-type]

    return Counting()


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [("*.bin binary\n", set()), ("*.bin filter=lfs\n", {"check-attr", "diff-files"})],
)
def test_a_tree_whose_attributes_do_not_speak_of_lfs_costs_no_call_of_git(
    tmp_path: Path, attributes: str, expected: set[str]
) -> None:
    repository = Repository(tmp_path / "shop")
    repository.commit(__gitattributes=attributes, a="a\n")
    run = repository.run()
    run.agent("echo b >> a; mkdir -p .git/lfs")
    calls: list[str] = []

    run.record(counted(calls))

    assert {"check-attr", "diff-files"} & {*calls} == expected
