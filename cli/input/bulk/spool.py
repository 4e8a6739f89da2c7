"""Tasks on their way to the database: in batches of one statement each, and on disk when they are many."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

import msgspec

from dispatcher.errors import DispatchError, UsageError

MOST_TASKS = 5_000
MOST_BYTES = 16 * 2**20
"""The size of a statement: larger ones gain nothing, and submit_tasks() takes 256 MiB."""

MOST_BYTES_TOGETHER = 200 * 2**20
"""The size of a statement with tasks that name each other, which cannot be parted."""

IN_MEMORY = 32 * 2**20


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Tasks as JSON for one call of submit_tasks(), and the lines of the file that they come from."""

    lines: list[int]
    tasks: list[bytes]

    def json(self, begin: int = 0, end: int | None = None) -> msgspec.Raw:
        """Return the JSON array of all tasks, or of some."""
        return msgspec.Raw(b"[%b]" % b",".join(self.tasks[begin:end]))


class Spool:
    """Batches in the order in which they came, in memory or, if they are too large, in a nameless file.

    A context manager, which frees both at its end.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed at our own end
        self.tasks = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def fill(self, tasks: Iterable[tuple[int, bytes]], stay_together: Callable[[], bool]) -> None:
        """Take in tasks with their lines. From when on ``stay_together`` returns true, the rest is one batch.

        Raises :class:`DispatchError` when the disk is full, and UsageError for a batch that is too large.
        """
        for batch in _batches(tasks, stay_together):
            encoded = msgspec.msgpack.encode(batch)
            try:
                self._file.write(len(encoded).to_bytes(8))
                self._file.write(encoded)
                self._file.flush()
            except OSError as error:
                raise DispatchError(
                    f"the tasks cannot be stored in {tempfile.gettempdir()}: {error.strerror}",
                    hint="set TMPDIR to a directory with room, or submit in parts: --chunk 5000",
                ) from error
            self.tasks += len(batch.tasks)

    def batches(self) -> Iterator[Batch]:
        """Return all batches."""
        self._file.seek(0)
        while length := self._file.read(8):
            yield msgspec.msgpack.decode(self._file.read(int.from_bytes(length)), type=Batch)


def _batches(tasks: Iterable[tuple[int, bytes]], stay_together: Callable[[], bool]) -> Iterator[Batch]:
    batch, size = Batch([], []), 0
    for line, task in tasks:
        if stay_together():
            if size + len(task) > MOST_BYTES_TOGETHER:
                raise UsageError(
                    f"the tasks with steps are larger than {MOST_BYTES_TOGETHER // 2**20} MiB together",
                    hint="put long texts into files, or name tasks that are queued already by their numbers",
                )
        elif batch.tasks and (len(batch.tasks) >= MOST_TASKS or size + len(task) > MOST_BYTES):
            yield batch
            batch, size = Batch([], []), 0
        batch.lines.append(line)
        batch.tasks.append(task)
        size += len(task)
    if batch.tasks:
        yield batch
