"""The report of `llmctl submit --from`: a line for each task or a summary, and what is queued when it ends early."""

import shutil
import sys
import tempfile
from array import array
from collections.abc import Collection
from dataclasses import dataclass, replace
from types import TracebackType

from msgspec import structs

from cli.database.connection import Database
from cli.input.bulk.spool import IN_MEMORY, Batch
from cli.show.output import TextOrJson, say, to_json, write
from dispatcher.quantities import plural
from sql import calls
from sql.rows.people import Submitted

MOST_WARNINGS = 10


@dataclass(frozen=True, slots=True)
class Printing:
    """How to print. ``aside`` prints on standard error, since standard output is for the results of the tasks."""

    output: TextOrJson
    quiet: bool
    aside: bool

    @property
    def is_summary(self) -> bool:
        return not self.quiet and self.output is TextOrJson.TEXT


@dataclass(slots=True)
class Counts:
    tasks: int = 0
    created: int = 0
    different: int = 0
    first_number: int | None = None
    last_number: int | None = None
    last_line: int = 0

    def add(self, batch: Batch, results: list[Submitted]) -> None:
        self.tasks += len(results)
        self.different += sum(not result.same for result in results)
        self.last_line = batch.lines[-1]
        created = [result.number for result in results if result.created]
        self.created += len(created)
        if created:
            self.first_number = created[0] if self.first_number is None else self.first_number
            self.last_number = created[-1]


class Report:
    """Collects what became of tasks and prints it after the commit. A context manager."""

    def __init__(self, name: str, printing: Printing) -> None:
        self._name = name
        self._printing = printing
        self._sent = Counts()
        self._committed = Counts()
        self._warnings: list[str] = []
        self._warned = 0
        self._lines = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, mode="w+")  # noqa: SIM115
        self._why: str | None = None
        self.is_committing = False
        """Whether a commit was sent and its result has not arrived."""

        self.numbers = array("q")
        """The numbers of all tasks, if the command waits for them."""

    def __enter__(self) -> "Report":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()

    def add(self, batch: Batch, results: list[Submitted]) -> None:
        """Take in what the database returned; :meth:`committed` prints it."""
        self._sent.add(batch, results)
        if self._printing.aside:
            self.numbers.extend(result.number for result in results)
        for line, result in zip(batch.lines, results, strict=True):
            if not result.same and self._warned < MOST_WARNINGS:
                self._warned += 1
                self._warnings.append(
                    f"warning: {self._name}:{line}: task {result.number} has this key but another tool, model or"
                    " prompt; what you asked for now is not queued"
                )
        if self._printing.output is TextOrJson.JSON:
            if not self._printing.aside:
                self._lines.writelines(
                    to_json({"line": line, **structs.asdict(result)}, indent=False) + "\n"
                    for line, result in zip(batch.lines, results, strict=True)
                )
        elif self._printing.quiet:
            self._lines.writelines(f"{result.number}\n" for result in results)

    def committed(self) -> None:
        """Print everything that was added: it is in the database for good."""
        self.is_committing = False
        self._committed = replace(self._sent)
        for warning in self._warnings:
            say(warning)
        self._warnings.clear()
        self._lines.seek(0)
        target = sys.stderr if self._printing.aside else sys.stdout
        shutil.copyfileobj(self._lines, target)
        target.flush()
        self._lines.seek(0)
        self._lines.truncate()

    def ask_why_waiting(self, db: Database) -> None:
        """Find out why the first task does not start, if the summary says so."""
        if self._printing.is_summary and self._committed.first_number is not None:
            why = db.call(calls.why_waiting(str(self._committed.first_number)))
            self._why = None if why == "about to start" else why

    def end(self, unused: Collection[str]) -> None:
        """Print the summary, if there is to be one."""
        counts = self._committed
        if counts.different > self._warned:
            say(f"warning: {counts.different - self._warned:,} more tasks have a key of another task")
        if not self._printing.is_summary:
            return
        if unused:
            say(f"not used: {', '.join(unused)}")
        summary = _summary(counts) if counts.tasks else f"{self._name} holds no tasks"
        if self._why is not None:
            summary += f"\ntask {counts.first_number}: {self._why}"
        (say if self._printing.aside else write)(summary)

    def what_is_queued(self, *, keys: bool) -> str:
        """Return what is queued after an early end, and how to go on. ``keys``: all tasks have idempotency keys."""
        counts = self._committed
        if self.is_committing:
            done = f"whether {plural(self._sent.tasks - counts.tasks, 'task')} are queued is not known"
        elif counts.tasks:
            done = f"{plural(counts.tasks, 'task')} up to line {counts.last_line} {_are(counts.tasks)} queued"
        else:
            return "nothing was queued"
        if keys:
            return f"{done}; all have keys, so the file can be submitted again as it is"
        return f"{done}; what has no key would be queued twice if submitted again"


def _summary(counts: Counts) -> str:
    parts = []
    if counts.first_number is not None and counts.last_number is not None:
        together = counts.last_number - counts.first_number + 1 == counts.created
        first, last = counts.first_number, counts.last_number
        if counts.created == 1:
            numbers = str(first)
        else:
            # Others who submit at the same time have numbers in between, and known keys leave gaps.
            numbers = f"{first} to {last}" if together else f"between {first} and {last}"
        parts.append(f"{counts.created:,} created ({numbers})")
    if counts.created < counts.tasks:
        parts.append(f"{counts.tasks - counts.created:,} already known")
    if counts.different:
        parts.append(f"{counts.different:,} of them with another tool, model or prompt")
    return f"{plural(counts.tasks, 'task')}: {', '.join(parts)}"


def _are(tasks: int) -> str:
    return "is" if tasks == 1 else "are"
