"""The table of mounts, and removing directories without deleting through a mount what is not ours.

`rm --one-file-system` and `st_dev` are not enough, because a bind mount of the same file system has the same device.
The kernel's own table names every mount of our namespace.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo, see proc_pid_mountinfo(5).

    ``device`` is the kernel's number of the file system (``8:1``), which stat(2) does not return on btrfs. ``root`` is
    the part of the file system that is mounted. ``kind`` is the type of the file system.
    """

    id: int
    device: str
    root: str
    point: Path
    kind: str


def table() -> Iterator[Mount]:
    """Read the mounts of our namespace (0.1 ms for 20 mounts). Raises OSError."""
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        # id parent major:minor root mount_point options [tags] - type source options
        where, _, what = line.partition(b" - ")
        number, _, device, root, point = where.split(b" ")[:5]
        kind = what.split(b" ")[0].decode(errors="replace")
        yield Mount(int(number), device.decode(), _text(root), Path(_text(point)), kind)


def below(directory: Path) -> list[Path]:
    """Return the mount points below ``directory``, at any depth. Raises OSError."""
    real = Path(os.path.realpath(directory))
    return [mount.point for mount in table() if real in mount.point.parents]


def remove_tree(tree: Path) -> None:
    """Remove a directory and its content. If something is mounted there, raise OSError and remove nothing."""
    if mounted := below(tree):
        raise OSError(errno.EBUSY, "something is mounted there; unmount it and try again", str(mounted[0]))
    shutil.rmtree(tree)


def _text(path: bytes) -> str:
    """Decode a path: mountinfo writes blanks, line ends, backslashes and ``#`` as octal numbers."""
    return os.fsdecode(_OCTAL.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), path))
