"""Short paths for temporary directories, because the path of a Unix socket has at most 107 bytes.

The path of a workspace in a home directory has about 80 bytes. Sockets that agents make in TMPDIR have long names: 47
bytes for Chromium, 53 for VS Code, 33 for Python's multiprocessing. claude falls back to /tmp, which everybody shares,
when the path would be too long (2.1.330). So a link in /tmp leads to the work directory.
"""

import contextlib
import os
import time
import uuid
from pathlib import Path

LONGEST = 50
"""Bytes of a directory's path that leave enough for the names of sockets."""
FRESH = 86400.0
"""Seconds after which the link is touched: systemd removes from /tmp what is older than ten days."""
_PLACE = "/tmp"  # noqa: S108 - fixed and short; the owner of the link is checked


def short_path(path: Path, base: Path, mark: str) -> str:
    """Return ``path``, or if it is long, a short one through the link of ``mark``. ``path`` is below ``base``.

    If the link cannot be made, or another user has its name, the result is ``path``. Every start of an agent calls
    this, so it uses strings and only three system calls.
    """
    name = str(path)
    if len(os.fsencode(name)) <= LONGEST:
        return name
    link = str(link_of(mark))
    try:
        _link(link, str(base))
    except OSError:
        return name
    return link + name.removeprefix(str(base))


def forget(mark: str) -> None:
    """Remove the link of ``mark``, once nobody uses it."""
    with contextlib.suppress(OSError):
        link_of(mark).unlink()


def link_of(mark: str) -> Path:
    return Path(f"{_PLACE}/llmctl-{mark}")


def _link(link: str, target: str) -> None:
    try:
        found = os.lstat(link)
        if found.st_uid == os.geteuid() and os.readlink(link) == target:  # noqa: PTH115
            if time.time() - found.st_mtime > FRESH:
                os.utime(link, follow_symlinks=False)
            return
    except FileNotFoundError:
        pass
    draft = Path(f"{link}.{uuid.uuid4()}")
    draft.symlink_to(target)
    try:
        draft.rename(link)
    except OSError:
        draft.unlink()
        raise
