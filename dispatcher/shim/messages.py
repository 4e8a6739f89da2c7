"""What a dispatcher and its shim say to each other: packets of fields that NUL separates, because none can hold it."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

LARGEST = 128 * 2**10
"""Bytes of a packet. The kernel's own bound is some 200 KiB, unless its administrator changed it."""

DESCRIPTOR = struct.Struct("i")
"""How the kernel writes a descriptor that travels with a packet."""

START, SIGNAL, SYNC = b"start", b"signal", b"sync"
STARTED, FAILED, EXITED, SYNCED = b"started", b"failed", b"exited", b"synced"
REPLACED, ORPHAN = b"replaced", b"orphan"
"""The keeper's words: another shim reads on, and agents of the old one, whose pids follow, will end as orphans."""

# Words of the run record, see dispatcher.workspaces.run_record.
STARTING, WITHDRAWN = b"starting\n", b"withdrawn\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A program to start; with it comes the descriptor of its run record, which is ``recorded`` bytes long.

    The packet has the fields in this order, with the number of arguments behind ``recorded``. All paths are absolute,
    and an empty one means none. ``open_files`` is its soft limit, empty to leave that.
    """

    run_id: bytes
    recorded: int
    open_files: bytes
    group: bytes
    cwd: bytes
    stdin: bytes
    stdout: bytes
    stderr: bytes
    argv: Sequence[bytes]
    env: Sequence[bytes]


def unpacked(fields: Sequence[bytes]) -> Start:
    """Return what the fields after the word START mean."""
    run_id, recorded, count, open_files, group, cwd, stdin, stdout, stderr, *rest = fields
    arguments = int(count)
    return Start(
        run_id=run_id,
        recorded=int(recorded),
        open_files=open_files,
        group=group,
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        argv=rest[:arguments],
        env=rest[arguments:],
    )
