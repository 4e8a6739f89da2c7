"""All that an agent left is in the source, whatever it did to its repository."""

import os
import re
from pathlib import Path

import msgspec
import pytest

from sql.rows.dispatchers import Change
from tests.dispatcher.repositories.runs import Repository, git


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "shop")
    repository.commit(a="one\n", b="two\n", dir_in_c="three\n", __gitignore="*.log\nbuild/\n")
    return repository


def test_edits_commits_staged_and_untracked_files_are_one_chain(repository: Repository) -> None:
    run = repository.run()
    run.agent(
        "echo 1 >> a; git commit -qam 'Improve a'; echo 2 >> a; git add a; echo 3 >> a; echo new > n; echo x > x.log"
    )
    change = run.record()
    assert change.ref == "refs/llmctl/12/1"
    assert change.problem is None
    assert repository.subjects(change.head_commit, run.clone.base) == [
        "Improve a",
        "Index of task 12, run 1 (claude)",
        "Files of task 12, run 1 (claude)",
    ]
    tree = repository.tree(change.head_commit)
    assert tree[b"a"] == b"one\n1\n2\n3\n"
    assert repository.tree(f"{change.head_commit}^")[b"a"] == b"one\n1\n2\n"
    assert tree[b"n"] == b"new\n"
    assert b"x.log" not in tree
    assert (change.files, change.insertions, change.deletions) == (2, 4, 0)
    git(repository.path, "fsck", "--strict")
    assert "Llmctl-Run: run-12-1" in git(repository.path, "log", "-1", "--format=%B", str(change.ref))


def test_an_agent_that_changed_nothing_gets_a_ref_at_the_base(repository: Repository) -> None:
    run = repository.run()
    change = run.record()
    assert (change.files, change.head_commit, change.problem) == (0, run.clone.base, None)
    assert repository.refs() == {"refs/llmctl/12/1": run.clone.base}
    assert (run.clone.private / "recorded").exists()


def test_a_deleted_git_directory_costs_only_what_was_in_it(repository: Repository) -> None:
    run = repository.run()
    run.agent("rm -rf .git; echo 1 >> a; rm b")
    change = run.record()
    assert repository.tree(change.head_commit)[b"a"] == b"one\n1\n"
    assert b"b" not in repository.tree(change.head_commit)
    assert "is gone" in str(change.problem)
    assert change.kept_in is None


DEEDS = {
    "amends": ("echo x >> a; git commit -qam One; echo y >> a; git commit -q --amend -am Two", None),
    "detaches its HEAD": (
        "git checkout -q --detach; echo y > n; git add n; git commit -qm Three; echo z > z",
        None,
    ),
    "makes an orphan branch": (
        "git checkout -q --orphan o; echo y > n; git add n; git commit -qm Root; echo z > z",
        None,
    ),
    "has an unborn branch": ("git checkout -q --orphan o; git rm -rqf --cached .; echo y > n", None),
    "leaves lock files": (
        "echo y > n; git add n; touch .git/index.lock .git/HEAD.lock .git/refs/heads/x.lock",
        None,
    ),
    "breaks its index": ("echo y > n; printf broken > .git/index", "index is damaged"),
    "cuts its index": ("echo y > n; truncate -s -30 .git/index", "index is damaged"),
    "removes its index": ("echo y > n; rm .git/index", None),
    "splits its index": ("git update-index --split-index; echo y > n; git add n; echo z >> n", None),
    "removes its objects": (
        "echo y > n; git add n; git commit -qm N; rm -rf .git/objects",
        "not whole|not there|unreadable",
    ),
    "removes its refs": ("echo y > n; git add n; git commit -qm N; rm -rf .git/refs .git/packed-refs", None),
    "empties its HEAD": ("echo y > n; : > .git/HEAD", "HEAD of the agent's repository is unreadable"),
    "makes its HEAD a FIFO": (
        "echo y > n; rm .git/HEAD; mkfifo .git/HEAD",
        "HEAD of the agent's repository is unreadable",
    ),
    "breaks an object": (
        "echo y > n; git add n; git commit -qm N; for f in .git/objects/??/*; do chmod u+w $f; : > $f; done",
        "not whole|unreadable|not there",
    ),
    "makes .git a file": (
        "echo y > n; mv .git ../elsewhere; echo gitdir: ../elsewhere > .git",
        "is a file and not the repository",
    ),
    "makes .git a link": (
        "echo y > n; mv .git ../elsewhere; ln -s ../elsewhere .git",
        "is a link and not the repository",
    ),
    "turns to reftable": (
        "git refs migrate --ref-format=reftable; echo y > n; git add n; git commit -qm N; echo z > z",
        None,
    ),
    "packs everything": (
        "echo y > n; git add n; git commit -qm N; git repack -adfq; git pack-refs --all",
        None,
    ),
    "resets hard": ("echo y > n; git add n; git commit -qm N; git reset -q --hard HEAD~1; echo z > z", None),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_work_tree_is_recorded_whatever_an_agent_does_to_its_git(repository: Repository, deed: str) -> None:
    script, problem = DEEDS[deed]
    run = repository.run()
    run.agent(script)
    left = {
        os.fsencode(f.relative_to(run.work)): f.read_bytes()
        for f in run.work.rglob("*")
        if f.is_file() and ".git/" not in f"{f}" and f.name != ".git"
    }
    change = run.record()
    tree = repository.tree(change.head_commit)
    assert tree == left
    if problem is None:
        assert change.problem is None
        assert (run.clone.private / "recorded").exists()
    else:
        assert re.search(problem, str(change.problem))
        assert change.kept_in == str(run.work)
        assert not (run.clone.private / "recorded").exists()
    git(repository.path, "fsck", "--strict", "--connectivity-only")
    assert run.record() == change


def test_other_branches_stashes_and_tags_of_an_agent_get_refs_of_their_own(repository: Repository) -> None:
    git(repository.path, "tag", "v1")
    git(repository.path, "branch", "theirs")
    run = repository.run()
    run.agent("echo s1 >> a; git stash -q; echo s2 >> b; git stash -q")
    run.agent("git checkout -qb side; echo side > s; git add s; git commit -qm Side; git tag -a v2 -m Two")
    run.agent(
        "git checkout -q llmctl/12; echo x > x; git add x; git commit -qm X; git reset -q --hard HEAD~1"
    )
    change = run.record()
    names = {name.removeprefix("refs/llmctl/12/1-refs/") for name in repository.refs()}
    assert names == {"refs/llmctl/12/1", "heads/side", "stash", "stash-1", "tags/v2", "ORIG_HEAD"}
    assert repository.tree("refs/llmctl/12/1-refs/stash")[b"b"] == b"two\ns2\n"
    assert repository.tree("refs/llmctl/12/1-refs/stash-1")[b"a"] == b"one\ns1\n"
    assert change.problem is None


def test_a_rebase_in_the_middle_of_a_conflict_loses_no_side(repository: Repository) -> None:
    run = repository.run()
    run.agent("git checkout -qb side; echo side > a; git commit -qam Side; git checkout -q llmctl/12")
    run.agent("echo main > a; git commit -qam Main; git merge side || true; echo staged > n; git add n")
    run.agent("echo later > n")
    change = run.record()
    assert change.problem is None
    assert repository.subjects(change.head_commit, run.clone.base) == [
        "Main",
        "Index of task 12, run 1 (claude)",
        "Files of task 12, run 1 (claude)",
    ]
    assert repository.tree(f"{change.head_commit}^")[b"n"] == b"staged\n"
    assert b"<<<<<<<" in repository.tree(change.head_commit)[b"a"]
    assert repository.tree("refs/llmctl/12/1-refs/heads/side")[b"a"] == b"side\n"


def test_names_of_any_bytes_and_links_are_recorded_as_they_are(repository: Repository) -> None:
    run = repository.run()
    names = [
        b"line\nend",
        b"\xff\xfe",
        b"-rf",
        b"--prefix=x",
        b":(exclude)a",
        b" ",
        b'"',
        b"*",
        b"a\\b",
        b"\t",
    ]
    for name in names:
        (run.work / os.fsdecode(name)).write_bytes(name)
    run.agent("ln -s /etc/passwd out; ln -s . loop; ln -s nowhere dangling; rm -r dir; ln -s /etc dir")
    left = run.files()
    change = run.record()
    assert change.problem is None
    assert repository.tree(change.head_commit) == left
    assert left[b"out"] == b"/etc/passwd"
    assert msgspec.json.decode(msgspec.json.encode(change), type=Change) == change


def test_repositories_within_the_tree_are_recorded_as_files_and_keep_their_commits(
    repository: Repository,
) -> None:
    run = repository.run()
    run.agent(
        "git init -q sub; cd sub; echo 1 > one; git add .; git commit -qm First; echo 2 >> one; echo u > two"
    )
    run.agent("git init -q dir; echo d > dir/d; mkdir -p x/y; git init -q x/y; echo z > x/y/z")
    run.agent("git init -q x/y/in; echo w > x/y/in/w; git add sub; git commit -qm All")
    run.agent("git init -q -- -dash; echo q > ./-dash/q; git init -q build/ignored; echo i > build/ignored/i")
    left = {path: content for path, content in run.files().items() if not path.startswith(b"build/")}
    change = run.record()
    assert change.problem is None
    assert repository.tree(change.head_commit) == left
    subjects = {
        git(repository.path, "log", "-1", "--format=%s", f"{ref}~1")
        for ref in repository.refs()
        if "-nested/" in ref and "sub" in ref
    }
    assert subjects == {"First"}


def test_special_files_are_left_out_and_named(repository: Repository) -> None:
    run = repository.run()
    run.agent(
        "mkfifo f dir/.gitattributes; rm a; mkfifo a .gitmodules; rm .gitignore; mkfifo .gitignore; echo n > n"
    )
    change = run.record()
    assert repository.tree(change.head_commit) == {b"b": b"two\n", b"dir/c": b"three\n", b"n": b"n\n"}
    assert "FIFOs, sockets and devices are left out: " in str(change.problem)
    assert change.kept_in is None


def test_names_that_other_systems_take_for_git_keep_the_directory(repository: Repository) -> None:
    run = repository.run()
    run.agent("mkdir .GIT; echo x > .GIT/x; echo y > git~1; echo n > n")
    change = run.record()
    assert repository.tree(change.head_commit)[b"n"] == b"n\n"
    assert "'.GIT/x'" in str(change.problem)
    assert "'git~1'" in str(change.problem)
    assert change.kept_in == str(run.work)


ATTRIBUTES = [
    "working-tree-encoding=UTF-16",
    "working-tree-encoding=NONSENSE",
    "working-tree-encoding",
    "filter=other",
    "ident",
    "text eol=crlf",
    "text=auto",
    "diff=x merge=y",
]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_no_attribute_keeps_a_file_from_being_recorded(repository: Repository, attribute: str) -> None:
    run = repository.run()
    run.agent(
        f"echo '* {attribute}' > .gitattributes; printf 'odd\\200' > odd; echo more >> a; printf 'l\\n' > l"
    )
    left = run.files()
    change = run.record()
    assert change.problem is None
    tree = repository.tree(change.head_commit)
    assert {path: tree[path] for path in (b"odd", b"l", b"a")} == {
        path: left[path] for path in (b"odd", b"l", b"a")
    }


def test_ignored_files_count_when_the_agent_tracks_them_and_else_not(
    repository: Repository,
) -> None:
    (repository.path / "kept.log").write_text("kept\n")
    git(repository.path, "add", "-f", "kept.log")
    repository.commit(secret="s\n")
    run = repository.run()
    run.agent(
        "echo f > forced.log; git add -f forced.log; git commit -qm F; echo g >> forced.log; echo k >> kept.log"
    )
    run.agent(
        "git rm -q --cached secret; echo secret >> .gitignore; git add .gitignore; git commit -qm Drop; echo i > i.log"
    )
    change = run.record()
    tree = repository.tree(change.head_commit)
    assert tree[b"forced.log"] == b"f\ng\n"
    assert tree[b"kept.log"] == b"kept\nk\n"
    assert {b"secret", b"i.log"}.isdisjoint(tree)


@pytest.mark.parametrize(
    "script",
    [
        "rm -rf ../repository",
        "echo x > ../repository/index",
        "rm ../repository/index",
        "rm -r ../repository; ln -s /etc ../repository",
        "rm ../repository/index; mkfifo ../repository/index",
        "rm ../repository/clone.json; cp .git/config ../repository/config",
    ],
)
def test_a_damaged_private_directory_costs_only_time(repository: Repository, script: str) -> None:
    run = repository.run()
    run.agent(f"echo x >> a; echo n > n; git add n; {script}")
    change = run.record()
    assert repository.tree(change.head_commit) == run.files()
    assert change.problem is None


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("rm -r ../work", "is gone"),
        ("rm -r ../work; ln -s /etc ../work", "is a link"),
        ("rm -r ../work; echo x > ../work", "is a file"),
    ],
)
def test_a_work_directory_that_is_none_any_more_is_said(
    repository: Repository, script: str, words: str
) -> None:
    run = repository.run()
    run.agent(script)
    change = run.record()
    assert words in str(change.problem)
    assert (change.head_commit, change.files) == (run.clone.base, 0)


def test_commits_that_were_amended_or_reset_are_kept_below_one_ref(repository: Repository) -> None:
    run = repository.run()
    run.agent("echo 1 > n; git add n; git commit -qm One; echo 2 > n; git commit -q --amend -am Two")
    run.agent("echo 3 > n; git commit -qam Three; git reset -q --hard HEAD~2; rm .git/ORIG_HEAD")
    change = run.record()
    assert change.files == 0
    kept = git(
        repository.path, "log", "--format=%s", "refs/llmctl/12/1-refs/left-behind", f"^{run.clone.base}"
    )
    assert set(kept.splitlines()) == {"Left behind of task 12, run 1 (claude)", "One", "Two", "Three"}


@pytest.fixture
def with_submodule(repository: Repository, tmp_path: Path) -> Repository:
    library = Repository(tmp_path / "library")
    library.commit(one="1\n")
    allow = ("-c", "protocol.file.allow=always")
    git(repository.path, *allow, "submodule", "--quiet", "add", str(library.path), "lib")
    repository.commit()
    return repository


FETCH = "git -c protocol.file.allow=always submodule --quiet update --init"


@pytest.mark.parametrize("script", ["true", FETCH, f"{FETCH}; touch lib/one"])
def test_a_submodule_that_did_not_change_is_no_change(with_submodule: Repository, script: str) -> None:
    run = with_submodule.run()
    run.agent(script)
    change = run.record()
    assert (change.files, change.head_commit, change.problem) == (0, run.clone.base, None)
    assert list(with_submodule.refs()) == ["refs/llmctl/12/1"]


@pytest.mark.parametrize(
    "script",
    [
        f"{FETCH}; echo 2 > lib/two",
        f"{FETCH}; cd lib; echo 2 > two; git add two; git commit -qm Two",
        f"{FETCH}; cd lib; echo 2 > two; git add two; git commit -qm Two; cd ..; git commit -qam Lib; echo 3 > lib/one",
    ],
)
def test_what_an_agent_changed_in_a_submodule_is_at_a_ref_that_the_tree_names(
    with_submodule: Repository, script: str
) -> None:
    run = with_submodule.run()
    run.agent(script)
    left = run.files()
    change = run.record()
    assert change.problem == (
        "the submodule lib is at a commit that is nowhere but at refs/llmctl/12/1-nested/1-lib: push it to the"
        " repository of the submodule"
    )
    nested = with_submodule.refs()["refs/llmctl/12/1-nested/1-lib"]
    assert with_submodule.tree(change.head_commit)[b"lib"].decode() == nested
    assert with_submodule.tree(nested) == {
        path.removeprefix(b"lib/"): content for path, content in left.items() if path.startswith(b"lib/")
    }


@pytest.mark.parametrize("script", ["echo 2 > lib/two", "echo 2 > lib/two; git add -A; git commit -qam All"])
def test_files_in_a_submodule_that_is_not_initialised_do_not_move_it_for_everybody(
    with_submodule: Repository, tmp_path: Path, script: str
) -> None:
    run = with_submodule.run()
    run.agent(f"echo more > README; {script}")
    change = run.record()
    ref = "refs/llmctl/12/1-nested/1-lib"
    before = with_submodule.tree(run.clone.base)[b"lib"]
    assert with_submodule.tree(change.head_commit)[b"lib"] == before
    assert change.problem == (
        f"the submodule lib is not initialised, and stays at {before.decode()[:12]}: the files in it are at {ref}"
    )
    assert with_submodule.tree(with_submodule.refs()[ref]) == {b"two": b"2\n"}
    git(tmp_path, "clone", "--quiet", str(with_submodule.path), "everybody")
    git(tmp_path / "everybody", "fetch", "--quiet", "origin", str(change.ref))
    git(tmp_path / "everybody", "checkout", "--quiet", str(change.head_commit))
    git(
        tmp_path / "everybody", "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init"
    )


def test_a_submodule_that_is_removed_or_replaced_by_files_is_recorded_so(with_submodule: Repository) -> None:
    removed = with_submodule.run(number=1)
    removed.agent("git rm -qf lib")
    assert with_submodule.tree(removed.record().head_commit) == removed.files()
    replaced = with_submodule.run(number=2)
    replaced.agent("git rm -qf lib; mkdir lib; echo f > lib/f; git add -A; git commit -qm Files")
    assert with_submodule.tree(replaced.record().head_commit) == replaced.files()
