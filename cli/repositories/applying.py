"""A change for a checkout: staged, not committed."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cli.repositories.checkouts import Recorded, Repository
from cli.repositories.places import fetch
from cli.repositories.takeover import Difference, difference, require_room, take_over
from cli.repositories.trees import merged_tree, patched_tree

Patch = Callable[[], Iterable[bytes]]
"""Reads the stored patch of a change."""


def apply(
    checkout: Repository,
    change: Recorded,
    patch: Patch,
    *,
    continued: Sequence[Recorded] = (),
    dry_run: bool = False,
) -> Difference:
    """Stage a change on top of HEAD, and return what differs from HEAD then.

    ``continued`` are the changes that it goes on with, the nearest first: what HEAD has of them counts as done. Where
    the commits of the change cannot be had, its patch takes their place. Raises WrongStateError for a checkout that is
    not clean, ConflictError, and WrongStateError for files in the way; the checkout is as it was then.
    """
    checkout.require_clean()
    head = checkout.head()
    if fetch(checkout, change):
        for one in continued:
            fetch(checkout, one)
        tree = merged_tree(checkout, head, change, continued)
    else:
        with tempfile.TemporaryDirectory(prefix="llmctl-") as directory:
            file = Path(directory, "patch")
            with file.open("wb") as written:
                written.writelines(patch())
            tree = patched_tree(checkout.git, head, change.number, file)
    differs = difference(checkout.git, head, tree)
    if dry_run:
        require_room(checkout, differs)
    else:
        take_over(checkout, differs)
    return differs
