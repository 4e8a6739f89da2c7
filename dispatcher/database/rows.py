"""What the SQL functions of a dispatcher take and return.

Each run is read by itself: one that nobody can read, as of a task that was inserted by hand, must not cost the others.
"""

from typing import BinaryIO, Literal, NamedTuple

import msgspec

from wrappers.base import AuthMode, Permission


class ClaimedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run that the database gave to us: the task, and the group whose slot it takes.

    ``session_id`` is a session to go on with, and ``directory`` the workspace where it is at home; ``goes_on``: it is
    the task's own one, which was cut short. ``prompt`` is None when it is to be read in pieces.
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


class UnreadableRun(msgspec.Struct, frozen=True):
    """A run that is ours and that nobody can begin; ``why`` says what is wrong with its task, for people."""

    run_id: str
    number: int
    why: str


class Claim(msgspec.Struct, frozen=True):
    """The answer to a claim. ``next_deadline_s``: when time alone makes another claim succeed, None for never.

    ``verdicts`` are those on the reports that went with it, see ``Store.report_runs``. ``shared``:
    the slots that these freed were not claimed, so that other dispatchers have a chance, too; claim them now.
    """

    runs: tuple[ClaimedRun | UnreadableRun, ...]
    next_deadline_s: float | None
    verdicts: dict[str, str]
    shared: bool


class _Answer(msgspec.Struct):
    """A claim's answer whose runs are still to be read, each by itself: one of them must not cost the others."""

    runs: tuple[msgspec.Raw, ...]
    next_deadline_s: float | None
    verdicts: dict[str, str]
    shared: bool


class _Name(msgspec.Struct):
    """What is known of a run that cannot be read."""

    run_id: str
    number: int


class _OpenName(msgspec.Struct):
    run: _Name


class OpenRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is ours already: adopted, or claimed by a call whose answer was lost.

    ``started``: the database heard that its agent runs, ``ran_s`` seconds long. ``boot_id``: of the machine then.
    """

    run: ClaimedRun
    started: bool
    ran_s: float
    boot_id: str
    cancel_requested: bool

    @property
    def number(self) -> int:
        """That of its task."""
        return self.run.number


class Heartbeat(NamedTuple):
    """The answer to a heartbeat: the runs that somebody asked to stop, and the next deadline as in :class:`Claim`."""

    cancel_requested: tuple[str, ...]
    next_deadline_s: float | None


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that was started ``ago_s`` seconds before this is told."""

    run_id: str
    pid: int
    ago_s: float = 0.0


Stream = Literal["stdout", "stderr"]


class OutputChunk(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a log, masked. Positions are those of the log; ``content`` goes over as base64."""

    stream: Stream
    starts_at: int
    ends_at: int
    content: bytes


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """What a run printed lately, and how it looks: when it printed last (``ago_s`` seconds before this is told), how
    much in all, and what it does. ``live`` False: its end is reported next, and watchers hear of that.
    """

    run_id: str
    ago_s: float
    activity: str | None
    stdout_bytes: int
    stderr_bytes: int
    live: bool
    chunks: tuple[OutputChunk, ...]


class InputFile(msgspec.Struct, frozen=True):
    """A file to lay into a work directory; ``content`` is None when it is to be read in pieces."""

    path: str
    content: bytes | None
    mode: int
    size: int


class OutputFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that an agent made: its content, an open copy of it, or the URL of the copy that we keep."""

    path: str
    size: int
    sha256: str
    mode: int
    content: bytes | None = None
    copy: BinaryIO | None = None
    storage_url: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a run ended, as finish_runs() takes it, with its last ``output``. No text in it may hold NUL.

    ``answer_bytes``: the size of an answer that was sent in pieces, in place of ``final_text``.
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
    auth_mode: AuthMode | None = None
    output: Output | None = None


class Pruned(msgspec.Struct, frozen=True):
    """What one call deleted: how many, and about how many bytes; nothing means that nothing old is left."""

    count: int
    size: int


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What the database knows of a dispatcher's start. ``groups`` None serves every group."""

    host: str
    boot_id: str
    pid: int
    version: str
    work_dir_id: str
    lease_s: float
    groups: tuple[str, ...] | None


def read_claim(answer: object) -> Claim:
    """Read what report_and_claim() returns."""
    told = msgspec.json.decode(str(answer), type=_Answer)
    runs = tuple(_read_claimed(row) for row in told.runs)
    return Claim(runs, told.next_deadline_s, told.verdicts, told.shared)


def _read_claimed(row: msgspec.Raw) -> ClaimedRun | UnreadableRun:
    try:
        return msgspec.json.decode(row, type=ClaimedRun)
    except msgspec.MsgspecError as error:
        name = msgspec.json.decode(row, type=_Name)
        return UnreadableRun(name.run_id, name.number, str(error))


def read_open_runs(answer: object) -> list[OpenRun | UnreadableRun]:
    """Read a page of what adopt_runs() and open_runs() return."""
    return [_read_open(row) for row in msgspec.json.decode(str(answer), type=list[msgspec.Raw])]


def _read_open(row: msgspec.Raw) -> OpenRun | UnreadableRun:
    try:
        return msgspec.json.decode(row, type=OpenRun)
    except msgspec.MsgspecError as error:
        name = msgspec.json.decode(row, type=_OpenName).run
        return UnreadableRun(name.run_id, name.number, str(error))
