"""The directory of the runs: whether runs and their locks are safe in it."""

import ctypes
import os
import shutil
from pathlib import Path

from dispatcher.checks.finding import Finding, ok, problem, warning
from dispatcher.workspaces.lock_holder import recorded_pid

SUBJECT = "work directory"
SCARCE_BYTES, TOO_FEW_BYTES = 2 * 2**30, 100 * 2**20

# f_type of statfs(2). A lock of flock(2) there is another host's business at best.
NETWORK_FILE_SYSTEMS = {
    0x6969: "NFS", 0x517B: "SMB", 0xFE534D42: "SMB", 0xFF534D42: "CIFS", 0x00C36400: "Ceph",
    0x5346414F: "AFS", 0x73757245: "Coda", 0x01161970: "GFS2", 0x7461636F: "OCFS2", 0x0BD00BD0: "Lustre",
    0x47504653: "GPFS", 0x19830326: "BeeGFS", 0x786F4256: "a VirtualBox share",
}  # fmt: skip
# Local or not, as the case may be: sandboxes and virtual machines show their own disk as 9P.
UNCERTAIN = {0x65735546: "FUSE", 0x01021997: "9P"}
TMPFS, RAMFS = 0x01021994, 0x858458F6


def check_work_directory(root: Path, database_id: str | None) -> list[Finding]:
    """Look at ``root``; ``database_id`` None: the database is away, so its holder is not known."""
    place = root
    while not (place.exists() or place.is_symlink()):  # a link that leads nowhere is in the way, too
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        why = "is not ours to write" if place.is_dir() else "is no directory"
        return [
            problem(SUBJECT, f"{root} cannot be made or written: {place} {why}", "set execution.work_dir")
        ]
    free = shutil.disk_usage(place).free
    findings = [judge_file_system(root, file_system_type(place)), judge_space(root, free)]
    if place == root and root.stat().st_mode & 0o022:
        findings.append(
            problem(
                SUBJECT, f"{root} can be written by others, who could forge results", f"chmod go-w {root}"
            )
        )
    return [found for found in findings if found] + ([_holder(root / database_id)] if database_id else [])


def judge_file_system(root: Path, kind: int) -> Finding | None:
    if kind in NETWORK_FILE_SYSTEMS:
        return problem(
            SUBJECT,
            f"{root} is on {NETWORK_FILE_SYSTEMS[kind]}: its locks do not tell which agents live",
            "set execution.work_dir to a directory on a local disk",
        )
    if kind in UNCERTAIN:
        return warning(
            SUBJECT,
            f"{root} is on {UNCERTAIN[kind]}",
            "make sure that it is a local disk, which locks of flock(2) need",
        )
    if kind in (TMPFS, RAMFS):
        return warning(
            SUBJECT,
            f"{root} is in memory: results that were not delivered are lost at a reboot",
            "set execution.work_dir to a directory on a disk",
        )
    return None


def judge_space(root: Path, free: int) -> Finding:
    words = f"{root} has {free / 2**30:.1f} GiB of room"
    if free < TOO_FEW_BYTES:
        return problem(SUBJECT, words, "make room, or set execution.work_dir to another disk")
    if free < SCARCE_BYTES:
        return warning(SUBJECT, words, "make room, or set execution.work_dir to another disk")
    return ok(SUBJECT, words)


def file_system_type(place: Path) -> int:
    """``f_type`` of statfs(2), which Python does not offer: the first word of the structure. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = (ctypes.c_long * 64)()
    if libc.statfs(os.fsencode(place), buffer) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(place))
    return int(buffer[0]) & 0xFFFFFFFF


def _holder(runs: Path) -> Finding:
    if not (runs / ".lock").exists():
        return ok(SUBJECT, "no dispatcher has used it yet")
    pid = recorded_pid(runs)
    return ok(
        SUBJECT, "no dispatcher holds it" if pid is None else f"held by the dispatcher that is process {pid}"
    )
