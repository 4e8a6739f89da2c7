"""The patch of a change makes the recorded tree out of the base, byte for byte."""

from pathlib import Path

import pytest

from dispatcher.repositories.failures import RepositoryError
from dispatcher.repositories.git import Git
from dispatcher.repositories.patches import MOST_FILES, write_patch
from sql.rows.dispatchers import Change, FileStat
from tests.dispatcher.repositories.runs import Repository, git


def test_a_patch_of_bytes_links_modes_and_renames_applies_three_way(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop")
    old = "".join(f"line {number}\n" for number in range(100))
    repository.commit(
        old=old, a="one\n", gone="g\n", image=bytes(range(256)), __gitattributes="*.x diff=run\n"
    )
    git(repository.path, "config", "diff.noprefix", "true")
    git(repository.path, "config", "diff.external", f"touch {tmp_path}/ran")
    git(repository.path, "config", "diff.run.textconv", f"touch {tmp_path}/ran; cat")
    run = repository.run()
    run.agent("git mv old new; echo last >> new; rm gone; ln -s new link; chmod +x a; printf 'no end' > n.x")
    run.agent("printf '\\0\\1\\2' >> image; printf 'a\\r\\n' > crlf; printf x > 'odd\tname'")
    change = run.record()
    patch = tmp_path / "patch"
    write_patch(run.clone, change, patch, Git())
    git(repository.path, "config", "--unset", "diff.external")
    git(repository.path, "apply", "--3way", "--index", str(patch))
    assert git(repository.path, "write-tree") == git(repository.path, "rev-parse", f"{change.ref}^{{tree}}")
    assert not (tmp_path / "ran").exists()


def test_a_stat_has_lines_of_text_and_none_of_bytes_and_only_the_first_files(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop")
    repository.commit(a="one\ntwo\n", image=b"\0")
    run = repository.run()
    run.agent("echo three >> a; sed -i 1d a; printf '\\0\\1' > image")
    for number in range(MOST_FILES):
        (run.work / f"n{number}").write_text("1\n2\n")
    change = run.record()
    assert (change.files, change.insertions, change.deletions) == (MOST_FILES + 2, 2 * MOST_FILES + 1, 1)
    assert change.stat[:2] == (
        FileStat(path="a", insertions=1, deletions=1),
        FileStat(path="image", insertions=None, deletions=None),
    )
    assert len(change.stat) == MOST_FILES


def test_there_is_no_patch_of_what_was_not_recorded(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop")
    base = repository.commit(a="one\n")
    run = repository.run()
    with pytest.raises(RepositoryError, match="nothing was recorded"):
        write_patch(run.clone, Change(source="", base_commit=base), tmp_path / "patch", Git())
