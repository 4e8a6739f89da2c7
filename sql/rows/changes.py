"""What a run made of a repository, how the commands beside its agent ended, and what people decided of it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
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
    title: str = ""


class Decision(Struct, frozen=True, kw_only=True):
    """What somebody decided of a task: ``decision`` is answered, approved, denied or picked.

    ``decided_by`` is a token, a role, the task that judged or the rule that picked. ``run_no`` is the run that
    asked, or whose result it is about.
    """

    decision: str
    decided_by: str
    decided_at: datetime
    run_no: int | None
    question: str | None
    message: str | None


class Try(Struct, frozen=True, kw_only=True):
    """One of several tries at a task. ``cost_usd`` is the sum of its runs."""

    number: int
    tool: str
    model: str | None
    account: str | None
    status: str
    wait_reason: str | None
    cost_usd: Decimal | None


class TrySet(Struct, frozen=True, kw_only=True):
    """Several tries at one task. ``pick`` is first-green or judge; ``picked`` is the one that was picked, if any.

    ``cost_usd`` is the sum of all, with the judge.
    """

    pick: str
    judge: int | None
    picked: int | None
    cost_usd: Decimal | None
    tries: Sequence[Try]


class InboxRow(Struct, frozen=True):
    """One row of inbox(): something that waits for a person.

    It is about a task (``number``; ``name`` is its title) or a group (``group_name``, with the name of its tool).
    ``verbs`` are the commands that resolve it; TEXT and USD in them stand for what a person has to say.
    """

    kind: str
    number: int | None
    group_name: str | None
    name: str | None
    what: str
    since: datetime
    verbs: Sequence[str]
