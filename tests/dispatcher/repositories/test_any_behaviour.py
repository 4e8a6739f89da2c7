"""Whatever an agent does, and whatever goes wrong meanwhile: each file that it left is in what was recorded."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.repositories.failures import RepositoryError
from tests.dispatcher.repositories.runs import Repository, Run
from tests.dispatcher.repositories.test_faults import fault_at

NAMES = st.sampled_from(
    ["a", "b", "dir/c", "new", "-dash", "x y", "dir/deep/e", "kept.log", "sub/f", "line\nend"]
)

# `$f` is a file that hypothesis chose. Each deed may fail, as those of agents do.
DEEDS = (
    'mkdir -p "$(dirname "./$f")"; [ -p "./$f" ] || echo $n >> "./$f"',  # a pipe without a reader never opens
    'mkdir -p "$(dirname "./$f")"; rm -rf "./$f"; head -c 3000 /dev/urandom > "./$f"',
    'rm -rf "./$f"',
    'mv "./$f" "./moved-$n"',
    "git add -A",
    'git add -f "./$f"',
    'git rm -q --cached "./$f"',
    "git commit -qam $n",
    "git add -A; git commit -qm $n; git commit -q --amend --allow-empty -m again-$n",
    "git stash -qu",
    "git stash pop -q",
    "git checkout -qb branch-$n",
    "git checkout -q llmctl/12",
    "git checkout -q --detach",
    "git checkout -q --orphan orphan-$n",
    "git merge -q branch-1 --no-edit",
    "git rebase -q branch-1",
    "git reset -q --hard HEAD~1",
    "git reset -q --soft HEAD~1",
    "git init -q sub; echo $n >> sub/f",
    "git init -q sub; cd sub; echo $n >> g; git add -A; git commit -qm $n",
    "git add sub; git commit -qm sub",
    "printf broken > .git/index",
    "rm -f .git/index",
    "touch .git/index.lock",
    "truncate -s 10 .git/HEAD",
    "rm -rf .git",
    "rm -rf .git/objects/??",
    "git gc -q --prune=now",
    "git pack-refs --all",
    'chmod +x "./$f"',
    'chmod 000 "./$f"',
    'ln -sfn "$outside" "./$f"',
    'rm -rf "./$f"; ln -s a "./$f"',
    'rm -rf "./$f"; mkfifo "./$f"',
    "echo '*.log' >> .gitignore",
    "echo '* text=auto working-tree-encoding=UTF-16' > .gitattributes",
    "rm -f ../repository/index",
)
STEPS = st.lists(st.tuples(st.sampled_from(DEEDS), NAMES), min_size=1, max_size=9)
FAULTS = st.one_of(st.none(), st.tuples(st.integers(1, 40), st.sampled_from(["git fails", "git is killed"])))


def is_ignored(path: bytes) -> bool:
    return path.endswith(b".log")


def record_at_last(run: Run, fault: tuple[int, str] | None, directory: Path) -> None:
    if fault is not None:
        with fault_at(*fault, directory):
            try:
                run.record()
            except RepositoryError:
                return


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, fault=FAULTS)
def test_each_file_that_existed_at_the_end_is_in_a_recorded_tree(
    steps: list[tuple[str, str]], fault: tuple[int, str] | None
) -> None:
    with TemporaryDirectory() as temporary:
        directory = Path(temporary)
        outside = directory / "outside"  # not /etc: what follows changes what the link leads to
        outside.mkdir()
        repository = Repository(directory / "shop")
        repository.commit(a="one\n", b="two\n", dir_in_c="three\n", __gitignore="*.log\n")
        run = repository.run()
        for number, (deed, name) in enumerate(steps, 1):
            run.agent(f"outside='{outside}'; n={number}; f='{name}'; ({deed}) > /dev/null 2>&1 || true")
        left = {path: content for path, content in run.files().items() if not is_ignored(path)}
        record_at_last(run, fault, directory)
        change = run.record()
        recorded = {
            pair for commit in set(repository.refs().values()) for pair in repository.tree(commit).items()
        }
        assert set(left.items()) <= recorded
        if change.kept_in is None:
            assert set(left.items()) <= set(repository.tree(change.head_commit).items())
        else:
            assert run.files().keys() >= left.keys()
        assert change.ref in repository.refs()
