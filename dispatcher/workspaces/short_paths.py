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
_PLACE = "/tmp"  # noqa: S108 - a fixed and short place; whose link it is is looked at


def shortened(path: Path, base: Path, mark: str) -> str:
    """Return a name for ``path``, which is below ``base``: its own, or if that is long one by the link of ``mark``.

    Where the link cannot be made, or another user took its name, it is its own. Costs three calls of the system, for
    each start of an agent, so it is done on strings.
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
    """Remove the link, when nobody uses it any more."""
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
