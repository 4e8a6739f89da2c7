"""Short names for what is in a long directory: the path of a Unix socket has at most 107 bytes.

A workspace below a home has 80 already, and what agents make in TMPDIR has long names: a socket of Chromium needs 47
bytes, one of VS Code 53, one of Python's multiprocessing 33. claude puts its own into /tmp, beside those of all others,
where they would be too long (2.1.330). So a link in /tmp leads to the work directory.
"""

import contextlib
import os
import time
import uuid
from pathlib import Path

LONGEST = 50
"""Bytes of a directory that leave enough for the names of sockets."""
FRESH = 86400.0
"""Seconds. systemd removes from /tmp what is older than ten days."""
_PLACE = Path("/tmp")  # noqa: S108 - a fixed and short place; whose link it is is looked at


def shortened(path: Path, base: Path, mark: str) -> Path:
    """Return a name for ``path``, which is below ``base``: its own, or if that is long one by the link of ``mark``.

    Where the link cannot be made, or another user took its name, it is its own.
    """
    if len(os.fsencode(path)) <= LONGEST:
        return path
    try:
        _link(link_of(mark), base)
    except OSError:
        return path
    return link_of(mark) / path.relative_to(base)


def forget(mark: str) -> None:
    """Remove the link, when nobody uses it any more."""
    with contextlib.suppress(OSError):
        link_of(mark).unlink()


def link_of(mark: str) -> Path:
    return _PLACE / f"llmctl-{mark}"


def _link(link: Path, target: Path) -> None:
    try:
        found = link.lstat()
        if found.st_uid == os.geteuid() and str(link.readlink()) == str(target):
            if time.time() - found.st_mtime > FRESH:
                os.utime(link, follow_symlinks=False)
            return
    except FileNotFoundError:
        pass
    draft = link.with_name(f"{link.name}.{uuid.uuid4()}")
    draft.symlink_to(target)
    try:
        draft.rename(link)
    except OSError:
        draft.unlink()
        raise
