"""What a run made of a repository, and how the commands before and after its agent ended."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

CommandKind = Literal["setup", "check"]
Verdict = Literal["passed", "failed", "timeout", "stopped"]
Approval = Literal["asked", "waiting", "approved", "denied"]


class FileStat(Struct, frozen=True, kw_only=True):
    """How many lines a change adds to a file and takes from it; None for a file of bytes."""

    path: str
    insertions: int | None
    deletions: int | None


class Change(Struct, frozen=True, kw_only=True):
    """What a run made of its repository: ``head_commit`` at ``ref`` of the repository ``source``, against the base.

    ``stat`` has the first of the ``files``. ``problem`` says what could not be recorded and why, and ``kept_in`` names
    the directory that was kept for that; without a ref nothing was recorded.
    """

    source: str
    base_commit: str
    ref: str | None = None
    head_commit: str | None = None
    files: int = 0
    insertions: int = 0
    deletions: int = 0
    stat: tuple[FileStat, ...] = ()
    problem: str | None = None
    kept_in: str | None = None


class CommandResult(Struct, frozen=True, kw_only=True):
    """How the command before or after an agent ended, with the end of what it printed, masked."""

    kind: CommandKind
    command: str
    verdict: Verdict
    exit_code: int | None = None
    ran_s: float | None = None
    output_tail: str = ""


class ChangeRow(Struct, frozen=True, kw_only=True):
    """One row of list_changes(): the newest recorded change of a task, of its run ``run_no``.

    Without a ``ref`` nothing was recorded: ``problem`` says why, and ``kept_in`` where the work is; without a
    ``run_no`` there was nothing to record. ``check_command`` is the one that ran, or the one that the task asks for.
    ``approval`` is asked, waiting, approved or denied; None where the task needs none.
    """

    number: int
    name: str | None
    status: str
    repository: str | None
    run_no: int | None
    source: str | None
    base_commit: str | None
    ref: str | None
    head_commit: str | None
    files: int | None
    insertions: int | None
    deletions: int | None
    stat: Sequence[FileStat] | None
    problem: str | None
    kept_in: str | None
    check_command: str | None
    check_timeout_s: int | None
    check_verdict: Verdict | None
    approval: Approval | None
