"""The rows of the SQL functions about what agents print and write. Sizes are in bytes."""

from datetime import datetime

from msgspec import Struct


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
    output_pruned_at: datetime | None

    @property
    def run_ended(self) -> bool:
        return self.run_status not in (None, "running")

    def printed(self, stream: str) -> tuple[int, int]:
        """Return how many bytes the agent printed on a stream, and how many of them were stored."""
        if stream == "stderr":
            return self.stderr_bytes or 0, self.stderr_stored or 0
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
