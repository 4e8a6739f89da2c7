"""What the SQL functions of a dispatcher take and return.

Each run is read by itself: one that cannot be read, as of a task that was inserted by hand, must not cost the others.
"""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import msgspec

from sql.rows.changes import Change as Change
from sql.rows.changes import CommandResult as CommandResult
from sql.rows.changes import FileStat as FileStat

Permission = Literal["read", "edit", "full"]
AuthMode = Literal["key", "token", "login"]
"""Both are the words of the schema; the wrappers have the same ones."""


class ClaimedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run that the database gave to us: the task, and the group whose slot it takes.

    ``session_id`` is a session to go on with, and ``directory`` the workspace that it belongs to. ``goes_on`` says that
    it is the task's own session, which was cut short. ``prompt`` is None when it is to be read in pieces.

    ``repository`` is a name in config.yaml or an absolute path, and ``ref`` where to begin, None for its HEAD.
    ``source`` and ``base_commit`` are what the first run of the task made of them. ``follow_up`` is what to tell an
    agent that goes on: how its check failed, or the answer to its question. An empty command stands for none.
    ``spawns`` is the file in which the agent writes the tasks that it spawns.
    """

    run_id: str
    task_id: str
    number: int
    run_no: int
    attempt: int
    max_attempts: int
    tool: str
    model: str | None
    fallback_model: str | None
    prompt: str | None
    permission: Permission
    workdir: str | None
    timeout_s: int | None
    stall_timeout_s: int | None
    session_id: str | None
    goes_on: bool
    directory: str
    has_input_files: bool
    output_files: tuple[str, ...]
    group_name: str
    account: str
    env: dict[str, str]
    config_home: str | None
    budget_usd: float | None
    repository: str | None = None
    ref: str | None = None
    source: str | None = None
    base_commit: str | None = None
    no_changes: Literal["succeed", "fail"] | None = None
    setup_command: str | None = None
    check_command: str | None = None
    setup_timeout_s: int | None = None
    check_timeout_s: int | None = None
    follow_up: str | None = None
    spawns: str | None = None


class UnreadableRun(msgspec.Struct, frozen=True):
    """A run that is ours and that cannot begin; ``why`` tells people what is wrong with its task."""

    run_id: str
    number: int
    why: str


class Claim(msgspec.Struct, frozen=True):
    """The result of a claim.

    ``next_deadline_s`` is when time alone makes another claim succeed; None for never. ``verdicts`` are those on the
    reports that went with the claim, as finish_runs() returns them. ``shared`` says that nothing was claimed, so that
    other dispatchers have a chance at the slots that the reports freed, too: claim again now. ``schedules_due`` asks
    for firing them.
    """

    runs: tuple[ClaimedRun | UnreadableRun, ...]
    next_deadline_s: float | None
    verdicts: dict[str, str]
    shared: bool
    schedules_due: bool = False


class _UnreadClaim(msgspec.Struct):
    """A claim whose runs are still to be read."""

    runs: tuple[msgspec.Raw, ...]
    next_deadline_s: float | None
    verdicts: dict[str, str]
    shared: bool
    schedules_due: bool = False


class _Name(msgspec.Struct):
    """What is known of a run that cannot be read."""

    run_id: str
    number: int


class _OpenName(msgspec.Struct):
    run: _Name


class OpenRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is ours already: adopted, or claimed by a call whose result was lost.

    ``started`` says that the database heard of the start of its agent, ``ran_s`` seconds ago. ``boot_id`` is that of
    the machine when the run was claimed.
    """

    run: ClaimedRun
    started: bool
    ran_s: float
    boot_id: str
    cancel_requested: bool

    @property
    def number(self) -> int:
        """The number of its task."""
        return self.run.number


class Heartbeat(msgspec.Struct, frozen=True):
    """The row of heartbeat(): the runs that somebody asked to stop, and the next deadline as in :class:`Claim`."""

    cancel_requested: Sequence[str]
    next_deadline_s: float | None


class ServedGroup(msgspec.Struct, frozen=True):
    """One row of close_groups(): a group that we serve, and why it cannot run here; None if it can."""

    group_name: str
    reason: str | None


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that was started ``ago_s`` seconds before this is reported."""

    run_id: str
    pid: int
    ago_s: float = 0.0


Stream = Literal["stdout", "stderr", "setup", "check"]


class OutputChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A masked piece of a log. Positions are those of the log; ``content`` is sent as base64."""

    stream: Stream
    starts_at: int
    ends_at: int
    content: bytes


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a run printed lately, when it printed last (``ago_s`` seconds before this is reported), how much it printed
    in all, and what it does. ``live`` is False when its end is reported next: watchers hear of that.
    """

    run_id: str
    ago_s: float
    activity: str | None
    stdout_bytes: int
    stderr_bytes: int
    live: bool
    chunks: tuple[OutputChunk, ...]


class InputFile(msgspec.Struct, frozen=True):
    """One row of input_files_of(); ``content`` is None when it is to be read in pieces.

    A file of another task has the ``host`` of the run that wrote it. One with a ``storage_url`` is kept outside of the
    database, there.
    """

    path: str
    content: bytes | None
    mode: int
    size_bytes: int
    sha256: str = ""
    storage_url: str | None = None
    host: str | None = None


class SpawnedTask(msgspec.Struct, frozen=True):
    """A row of the file of an agent that spawns: a task as submit_tasks() takes it, and the line on which it stands."""

    line: int
    task: dict[str, object]


class WantedFile(msgspec.Struct, frozen=True):
    """One row of wanted_files(): a large file that a run waits for.

    It was sent up to the byte ``sent`` and taken up to ``taken``. It is kept at ``storage_url`` on ``host``.
    """

    run_id: UUID
    path: str
    sha256: str
    size_bytes: int
    storage_url: str
    host: str
    sent: int
    taken: int


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a run ended, as finish_runs() takes it, with its last ``output``. No text in it may hold NUL.

    ``answer_bytes`` is the size of an answer that was sent in pieces; it takes the place of ``final_text``.
    ``question`` is what an agent asks that ended as ``question``. ``follow_up`` is what the next run of the session is
    told, see :class:`ClaimedRun`. ``spawn`` is None unless the task spawns others and succeeded.
    ``limit_is_of_model`` says that a usage limit is that of the task's model alone.
    """

    run_id: str
    error_class: str | None = None
    error_message: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    pid: int | None = None
    final_text: str | None = None
    answer_bytes: int | None = None
    session_id: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    output_files: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    ran_s: float | None = None
    retry_after_s: float | None = None
    limit_is_of_model: bool = False
    auth_mode: AuthMode | None = None
    output: Output | None = None
    change: Change | None = None
    commands: tuple[CommandResult, ...] = ()
    question: str | None = None
    follow_up: str | None = None
    spawn: tuple[SpawnedTask, ...] | None = None


class PrunedOutput(msgspec.Struct, frozen=True):
    """The row of prune_output(): of how many tasks it deleted the output, and about how many bytes."""

    tasks: int
    bytes: int


def read_claim(document: str) -> Claim:
    """Read the JSON that report_and_claim() returns."""
    claim = msgspec.json.decode(document, type=_UnreadClaim)
    runs = tuple(_read_claimed(row) for row in claim.runs)
    return Claim(runs, claim.next_deadline_s, claim.verdicts, claim.shared, claim.schedules_due)


def _read_claimed(row: msgspec.Raw) -> ClaimedRun | UnreadableRun:
    try:
        return msgspec.json.decode(row, type=ClaimedRun)
    except msgspec.MsgspecError as error:
        name = msgspec.json.decode(row, type=_Name)
        return UnreadableRun(name.run_id, name.number, str(error))


def read_open_runs(document: str) -> list[OpenRun | UnreadableRun]:
    """Read the JSON that adopt_runs() and open_runs() return."""
    return [_read_open(row) for row in msgspec.json.decode(document, type=list[msgspec.Raw])]


def _read_open(row: msgspec.Raw) -> OpenRun | UnreadableRun:
    try:
        return msgspec.json.decode(row, type=OpenRun)
    except msgspec.MsgspecError as error:
        name = msgspec.json.decode(row, type=_OpenName).run
        return UnreadableRun(name.run_id, name.number, str(error))


class UnrecordedRun(msgspec.Struct, frozen=True):
    """One row of unrecorded_runs(): a run that may have left work in the clone of the workspace ``directory``.

    ``source`` and ``base_commit`` are what its task noted of the repository.
    """

    run_id: UUID
    task_id: UUID
    number: int
    run_no: int
    tool: str
    directory: str
    source: str
    base_commit: str


class LostRun(msgspec.Struct, frozen=True):
    """One row of recover_lost(): a run that was given up. Its dispatcher was last heard of ``away_s`` seconds ago."""

    number: int
    run_no: int
    host: str
    away_s: float


class Session(msgspec.Struct, frozen=True):
    """One row of end_idle_sessions(): whose server process it is; None for what our role may not see."""

    pid: int
    who: str
    state: str | None
    in_transaction_s: float | None
    ended: bool
