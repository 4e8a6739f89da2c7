"""The tasks that an agent writes down for others to do: read from its file once it has succeeded.

What was there before the agent, in a clone or in the directory that a task chose, is nothing that it wrote.
"""

import contextlib
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

import msgspec

from dispatcher.database.refusals import NUL, holds_nul
from dispatcher.errors import UsageError
from dispatcher.host.host_trouble import when_there_is_room
from dispatcher.host.threads import in_thread
from dispatcher.repositories import plain_files
from dispatcher.run.output.collect import CollectError, open_beneath
from dispatcher.run.output.masking import Masking
from dispatcher.run.preparation.refusals import cannot
from dispatcher.task_rows.fields import ROW_FIELDS, nearest, option_of
from dispatcher.task_rows.task_files import FileKind, Row, TaskFile
from dispatcher.workspaces.work_directory import BEFORE, Workspace
from sql.rows.dispatchers import ClaimedRun, SpawnedTask
from wrappers.base import Outcome

LARGEST_FILE = 2**20
"""Bytes. It goes with the report of the run's end."""

MOST_TASKS = 1_000
"""No tree allows more children of one task."""

SETTABLE = frozenset(
    {
        *("tool", "model", "fallback-model", "account", "prompt", "name", "label", "priority", "queue"),
        *("output", "timeout", "stall-timeout", "retries", "retry-on", "retry-delay", "at", "delay"),
        *("permission", "approve", "step", "after", "after-any", "after-failed", "after-tree", "on-unmet"),
        *("input-from", "spawns"),
    }
)
"""The fields that a row may set: the keys of spawnable_keys().

The values of no other field may be read: that of `input` names files of this host.
"""

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class _Mark(msgspec.Struct, frozen=True):
    """Tells whether a file is as it was. Each write changes it, also one of the same content; times are in ns."""

    inode: int
    size: int
    modified: int
    changed: int


async def note_before(claimed: ClaimedRun, workspace: Workspace) -> None:
    """Note the file of this name that is there before the agent starts. Raises :class:`NotStartedError`.

    A run that goes on with a session keeps the note of the run in which that began: what the agent wrote before it was
    cut short counts. In a directory that its task chose, each run must write the file.
    """
    if claimed.spawns is None:
        return
    try:
        await in_thread(_note, _place_of_note(claimed, workspace), workspace, claimed)
    except OSError as error:
        raise cannot("what is there before the agent could not be noted", error) from error


async def read_spawned(
    claimed: ClaimedRun, workspace: Workspace, outcome: Outcome, masking: Masking
) -> tuple[Outcome, tuple[SpawnedTask, ...] | None]:
    """Return the tasks that the agent of a success wrote down, and what the outcome is if they cannot be read.

    None stands for a run that spawns nothing: its task does not, or it failed.
    """
    if claimed.spawns is None or not outcome.succeeded:
        return outcome, None
    read = partial(_read, workspace, claimed.spawns, _place_of_note(claimed, workspace))
    try:
        content = await when_there_is_room("reading what an agent spawns", read, thread=True)
        masked, _ = masking.of_files.beginning(content, final=True)
        return outcome, spawned_tasks(claimed.spawns, masked)
    except UsageError as error:
        return replace(outcome, error_class="spawn_refused", error_message=error.with_hint), None
    except CollectError as error:
        return replace(outcome, error_class=error.error_class, error_message=str(error)), None
    except OSError as error:
        message = f"{claimed.spawns} cannot be read: {error}"
        return replace(outcome, error_class="output_missing", error_message=message), None


def spawned_tasks(name: str, content: bytes) -> tuple[SpawnedTask, ...]:
    """Return the tasks of a file of JSON lines. Raises :class:`UsageError` with the line that is wrong."""
    file = TaskFile(name, FileKind.JSONL, BytesIO(content))
    tasks: list[SpawnedTask] = []
    for row in file.rows():
        if len(tasks) == MOST_TASKS:
            raise file.wrong(row.line, f"there are more than {MOST_TASKS:,} tasks")
        tasks.append(SpawnedTask(row.line, _task(file, row)))
    return tuple(tasks)


def correction_of(spawns: str, refusal: str) -> str:
    """Return what the next run is told of tasks that cannot be spawned; spawned_reports() says the same."""
    return (
        f"The tasks that you wrote down cannot be used: {refusal}\n\n"
        f"Write the file {spawns} again, corrected, and end."
    )


def _place_of_note(claimed: ClaimedRun, workspace: Workspace) -> Path:
    return (workspace.directory if claimed.workdir is not None else workspace.work.parent) / BEFORE


def _note(place: Path, workspace: Workspace, claimed: ClaimedRun) -> None:
    if claimed.goes_on and plain_files.read_plain(place) is not None:
        return
    mark = None
    with (
        contextlib.suppress(FileNotFoundError, CollectError),
        open_beneath(workspace.work, claimed.spawns or "") as descriptor,
    ):
        mark = _mark(os.fstat(descriptor))
    plain_files.write_durably(place, msgspec.json.encode(mark))


def _mark(status: os.stat_result) -> _Mark:
    return _Mark(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _read(workspace: Workspace, name: str, note: Path) -> bytes:
    """Read the file, without following a link. Raises CollectError, UsageError and OSError."""
    try:
        with open_beneath(workspace.work, name) as descriptor:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise CollectError("output_missing", f"{name} is not a plain file")
            if plain_files.read_plain(note) == msgspec.json.encode(_mark(status)):
                raise CollectError(
                    "output_missing",
                    f"the agent did not write {name}: it is as it was before the agent started",
                )
            with os.fdopen(os.dup(descriptor), "rb") as file:
                content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise CollectError("output_missing", f"the agent did not write {name}") from None
    if len(content) > LARGEST_FILE:
        raise UsageError(f"{name} is larger than {LARGEST_FILE // 2**20} MiB")
    return content


def _task(file: TaskFile, row: Row) -> dict[str, object]:
    task: dict[str, object] = {}
    for column, value in row.values.items():
        option = option_of(column)
        if option not in SETTABLE:
            raise file.wrong(row.line, _complaint_about(column, option))
        field = ROW_FIELDS[option]
        if field.key in task:
            raise file.wrong(row.line, f"two columns name the {option}")
        if value is not None and value != "":
            task[field.key] = _checked(file, row, column, field.read, value)
    if "prompt" not in task:
        raise file.wrong(row.line, "there is no prompt")
    if "scheduled_at" in task and "delay_s" in task:
        raise file.wrong(row.line, "give at or delay, not both")
    encoded = _ENCODER.encode(task)
    if holds_nul(encoded):
        raise file.wrong(row.line, NUL)
    return msgspec.json.decode(encoded, type=dict[str, object])


def _complaint_about(column: str, option: str | None) -> str:
    if option is not None:
        return f"a task that an agent writes down must not have {column!r}"
    meant = nearest(column, SETTABLE)
    return f"{column!r} is not a field of a task" + (f"; did you mean {meant!r}?" if meant else "")


def _checked(
    file: TaskFile, row: Row, column: str, read: Callable[[object], object], value: object
) -> object:
    try:
        return read(value)
    except UsageError as error:
        raise file.wrong(row.line, f"{column}: {error}", hint=error.hint) from error
