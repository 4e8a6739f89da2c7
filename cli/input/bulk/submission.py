"""`llmctl submit --from FILE`: queue the tasks of a file, all of them or none, or a part at a time.

Every part is read and checked to its end before any of it is sent, so no transaction waits for a slow pipe.
"""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from types import FrameType

from cli.database.connection import Database, opened
from cli.database.results import wait_for
from cli.input.bulk.bad_rows import BadRows
from cli.input.bulk.report import Printing, Report
from cli.input.bulk.row_tasks import TaskMaker
from cli.input.bulk.sending import send
from cli.input.bulk.spool import Spool
from cli.input.granted import require_granted
from cli.input.submit_options import SubmitOptions
from cli.show.output import say
from cli.show.progress import Progress, progress
from dispatcher.errors import DispatchError, ExitCode, UsageError
from dispatcher.task_rows.task_files import FileKind, Row, TaskFile

ROWS_BETWEEN_LOOKS = 1_000
"""The bar is drawn again after this many rows."""


def submit_file(
    path: str, kind: FileKind | None, defaults: Mapping[str, object], options: SubmitOptions
) -> ExitCode:
    """Queue a task for each row. ``defaults`` are options for rows that do not set them; their texts are templates.

    Raises :class:`DispatchError` with the line, and with what is queued already: nothing, unless in chunks.
    """
    printing = Printing(options.output, quiet=options.quiet, aside=options.wait)
    with TaskFile(path, kind) as file, Report(file.name, printing) as report:
        maker = TaskMaker(file, defaults, options.allowed_columns)
        try:
            with progress(None, "reading", wanted=not options.quiet) as bar:
                _submit(file, maker, report, bar, options.chunk, defaults)
        except KeyboardInterrupt:
            say(f"interrupted: {report.what_is_queued(keys=maker.all_have_keys)}")
            raise
        except DispatchError as error:
            queued = report.what_is_queued(keys=maker.all_have_keys)
            raise type(error)(f"{error} ({queued})", hint=error.hint) from error
        except OSError as error:
            # The reader of our output has closed the pipe, or the disk is full.
            queued = report.what_is_queued(keys=maker.all_have_keys)
            raise DispatchError(f"{error.strerror or error} ({queued})") from error
        report.end(maker.unused)
        if options.wait:
            return wait_for(
                [str(number) for number in report.numbers],
                options.wait_timeout,
                options.output,
                quiet=options.quiet,
            )
    return ExitCode.OK


def _submit(
    file: TaskFile,
    maker: TaskMaker,
    report: Report,
    bar: Progress,
    chunk: int | None,
    defaults: Mapping[str, object],
) -> None:
    parts = _parts(file, maker, bar, chunk)
    first = next(parts, None)
    if first is None:
        return
    with opened() as db:
        require_granted(db, [_as_task(defaults)])
        for part in chain([first], parts):
            _submit_part(db, part, file, report, bar)
        report.ask_why_waiting(db)


def _as_task(defaults: Mapping[str, object]) -> Mapping[str, object]:
    keys = {"setup_command": "setup", "check_command": "check", "permission": "permission"}
    return {key: defaults.get(option) for key, option in keys.items()}


def _parts(file: TaskFile, maker: TaskMaker, bar: Progress, chunk: int | None) -> Iterator[Spool]:
    """Yield the tasks of each transaction. Each part is closed before the next one begins.

    Raises :class:`UsageError` that names the bad rows of a part.
    """
    rows = enumerate(file.rows(), 1)
    while True:
        bad = BadRows()
        with Spool() as spool:
            try:
                spool.fill(
                    _checked_tasks(islice(rows, chunk), file, maker, bar, bad), maker.must_stay_together
                )
            except UsageError as error:  # the file cannot be read any further
                bad.add(error)
            bad.require_none()
            if chunk is not None and maker.must_stay_together():
                raise UsageError(
                    f"{file.name} has tasks with steps, which name each other: they are queued together or not at all",
                    hint="leave out --chunk",
                )
            if not spool.tasks:
                return
            yield spool
            if chunk is None:
                return


def _checked_tasks(
    rows: Iterator[tuple[int, Row]], file: TaskFile, maker: TaskMaker, bar: Progress, bad: BadRows
) -> Iterator[tuple[int, bytes]]:
    """Yield the line and the JSON of each task that can be made, and add what is wrong with the others to ``bad``."""
    total = file.total_bytes
    for count, row in rows:
        if count % ROWS_BETWEEN_LOOKS == 0:
            bar.show(f"{count:,} tasks read", file.read_bytes, total)
        try:
            task = maker.encode(row)
        except UsageError as error:
            bad.add(error)
        else:
            yield row.line, task


def _submit_part(db: Database, part: Spool, file: TaskFile, report: Report, bar: Progress) -> None:
    sent = 0
    with _interrupts_can_wait() as from_here_on:
        with db.transaction():
            for batch in part.batches():
                report.add(batch, send(db, batch, file.name))
                sent += len(batch.tasks)
                bar.show(f"{sent:,} of {part.tasks:,} tasks sent", sent, part.tasks)
            # Somebody who interrupts a commit could not know what became of it.
            from_here_on()
            report.is_committing = True
        report.committed()


@contextmanager
def _interrupts_can_wait() -> Iterator[Callable[[], None]]:
    """Yield a function; after it is called, Ctrl-C takes effect only at the end of the block."""
    came: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def remember(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    def from_here_on() -> None:
        signal.signal(signal.SIGINT, remember)

    try:
        yield from_here_on
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt
