"""Checks of the work directory: whether runs and their locks are safe in it."""

import ctypes
import os
import shutil
from pathlib import Path

from dispatcher.checks.finding import Finding, ok, problem, warning
from dispatcher.workspaces.lock_holder import recorded_pid

SUBJECT = "work directory"
SCARCE_BYTES, TOO_FEW_BYTES = 2 * 2**30, 100 * 2**20

# f_type of statfs(2). A lock of flock(2) there does not show which processes of this host live.
NETWORK_FILE_SYSTEMS = {
    0x6969: "NFS", 0x517B: "SMB", 0xFE534D42: "SMB", 0xFF534D42: "CIFS", 0x00C36400: "Ceph",
    0x5346414F: "AFS", 0x73757245: "Coda", 0x01161970: "GFS2", 0x7461636F: "OCFS2", 0x0BD00BD0: "Lustre",
    0x47504653: "GPFS", 0x19830326: "BeeGFS", 0x786F4256: "a VirtualBox share",
}  # fmt: skip
# These may be local or not: sandboxes and virtual machines show their own disk as 9P.
UNCERTAIN = {0x65735546: "FUSE", 0x01021997: "9P"}
TMPFS, RAMFS = 0x01021994, 0x858458F6


def check_work_directory(root: Path, database_id: str | None) -> list[Finding]:
    """Check ``root``. ``database_id`` is None while the database is away: then the lock holder is not known."""
    place = root
    while not (place.exists() or place.is_symlink()):  # a dangling link is in the way, too
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        why = "is not writable for this user" if place.is_dir() else "is not a directory"
        return [
            problem(SUBJECT, f"{root} cannot be created or written: {place} {why}", "set execution.work_dir")
        ]
    free = shutil.disk_usage(place).free
    findings = [judge_file_system(root, file_system_type(place)), judge_space(root, free)]
    if place == root and root.stat().st_mode & 0o022:
        findings.append(
            problem(SUBJECT, f"other users can write to {root} and forge results", f"chmod go-w {root}")
        )
    return [found for found in findings if found] + (
        [_lock_holder(root / database_id)] if database_id else []
    )


def judge_file_system(root: Path, kind: int) -> Finding | None:
    if kind in NETWORK_FILE_SYSTEMS:
        return problem(
            SUBJECT,
            f"{root} is on {NETWORK_FILE_SYSTEMS[kind]}: its locks do not show which agents are alive",
            "set execution.work_dir to a directory on a local disk",
        )
    if kind in UNCERTAIN:
        return warning(
            SUBJECT,
            f"{root} is on {UNCERTAIN[kind]}",
            "make sure that it is a local disk: flock(2) needs one",
        )
    if kind in (TMPFS, RAMFS):
        return warning(
            SUBJECT,
            f"{root} is in memory: a reboot loses results that were not delivered",
            "set execution.work_dir to a directory on a disk",
        )
    return None


def judge_space(root: Path, free: int) -> Finding:
    words = f"{root} has {free / 2**30:.1f} GiB free"
    if free < TOO_FEW_BYTES:
        return problem(SUBJECT, words, "free some space, or set execution.work_dir to another disk")
    if free < SCARCE_BYTES:
        return warning(SUBJECT, words, "free some space, or set execution.work_dir to another disk")
    return ok(SUBJECT, words)


def file_system_type(place: Path) -> int:
    """Return ``f_type`` of statfs(2), the first word of its structure; Python does not offer it. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = (ctypes.c_long * 64)()
    if libc.statfs(os.fsencode(place), buffer) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(place))
    return int(buffer[0]) & 0xFFFFFFFF


def _lock_holder(runs: Path) -> Finding:
    if not (runs / ".lock").exists():
        return ok(SUBJECT, "no dispatcher has used it yet")
    pid = recorded_pid(runs)
    return ok(
        SUBJECT, "no dispatcher holds it" if pid is None else f"held by the dispatcher that is process {pid}"
    )
