"""The rows of the SQL functions about what agents answer, print and write. Sizes are in bytes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from msgspec import Struct, structs

from sql.rows.people import FileRow, RunRow, Task


class TaskResult(Struct, frozen=True):
    """One row of read_results(): what came of a task.

    ``result`` has the answer as ``text``; None until the task succeeds. ``why`` says why a queued task does not run.
    """

    number: int
    id: UUID
    name: str | None
    status: str
    why: str | None
    error_class: str | None
    error_message: str | None
    result: Mapping[str, object] | None
    title: str = ""

    @property
    def text(self) -> str | None:
        """The answer; None if there is none."""
        return str((self.result or {}).get("text", "")) if self.status == "succeeded" else None


class TaskFileRow(FileRow, frozen=True):
    """A row of list_files() in a list of the files of several tasks."""

    number: int

    @classmethod
    def of(cls, number: int, row: FileRow) -> Self:
        return cls(**structs.asdict(row), number=number)


class LogState(Struct, frozen=True):
    """The row of log_state(): one run and what became of its task so far. ``run_no`` is None before the first run."""

    number: int
    tool: str
    task_status: str
    last_run_no: int
    run_no: int | None
    run_status: str | None
    error_message: str | None
    stdout_bytes: int | None
    stdout_stored: int | None
    stderr_bytes: int | None
    stderr_stored: int | None
    setup_stored: int | None
    check_stored: int | None
    output_pruned_at: datetime | None

    @property
    def run_ended(self) -> bool:
        return self.run_status not in (None, "running")

    def printed(self, stream: str) -> tuple[int, int]:
        """Return how many bytes were printed on a stream, and how many of them were stored."""
        match stream:
            case "setup":
                return self.setup_stored or 0, self.setup_stored or 0
            case "check":
                return self.check_stored or 0, self.check_stored or 0
            case "stderr":
                return self.stderr_bytes or 0, self.stderr_stored or 0
            case _:
                return self.stdout_bytes or 0, self.stdout_stored or 0

    @property
    def task_ended(self) -> bool:
        return self.task_status in ("succeeded", "failed", "canceled")


class OutputPiece(Struct, frozen=True):
    """One row of read_output(). The positions are those of the run's log; masked secrets make ``content`` differ."""

    starts_at: int
    ends_at: int
    content: bytes


class StoredFile(Struct, frozen=True):
    """The row of read_file(). Either ``content`` or ``storage_url`` is there."""

    content: bytes | None
    storage_url: str | None
    size_bytes: int
    sha256: str
    mode: int


class WholeRun(RunRow, frozen=True, kw_only=True):
    """A run with what it printed and answered; None where it was not asked for, or is too much."""

    stdout: str | None = None
    stderr: str | None = None
    final_text: str | None = None


class WholeTask(Task, frozen=True, kw_only=True):
    """What show_task() returns with the output of the runs: `llmctl show -o json`."""

    runs: Sequence[WholeRun]
