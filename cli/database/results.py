"""Reading what came of tasks, and waiting for it."""

from collections.abc import Iterable, Iterator, Sequence

from cli.database.connection import Database, opened
from cli.database.waiting import Waiter
from cli.show.output import TextOrJson, interrupts_say, say, to_json, write
from cli.show.progress import Progress, progress
from cli.show.results import complain_of_timeout, show_result, summary_of, waits_again
from dispatcher.errors import ExitCode
from dispatcher.terminal import one_line
from sql import calls
from sql.rows.output import TaskResult
from sql.rows.people import TaskState

READ_TOGETHER = 100
"""So many tasks are read by one call, which returns fewer if their answers are large."""


def read_results(db: Database, tasks: Sequence[str]) -> Iterator[Sequence[TaskResult]]:
    """Yield what came of tasks, some at a time. Raises :class:`dispatcher.errors.NotFoundError`."""
    for begin in range(0, len(tasks), READ_TOGETHER):
        asked = tasks[begin : begin + READ_TOGETHER]
        while asked:
            results = db.call(calls.read_results(asked))
            yield results
            asked = asked[len(results) :]


class Ended:
    """Tasks that have ended, by how they did."""

    def __init__(self) -> None:
        self._numbers: dict[str, list[int]] = {"succeeded": [], "failed": [], "canceled": []}

    def add(self, state: TaskState) -> None:
        self._numbers[state.status].append(state.number)

    @property
    def count(self) -> int:
        return sum(map(len, self._numbers.values()))

    @property
    def code(self) -> ExitCode:
        return ExitCode.OK if self.count == len(self._numbers["succeeded"]) else ExitCode.FAILED

    def summary(self, pending: Iterable[int] = ()) -> str:
        return summary_of({**self._numbers, "pending": list(pending)})

    def show(self, bar: Progress, pending: int) -> None:
        failed = len(self._numbers["failed"])
        more = f", {failed:,} failed" if failed else ""
        bar.show(f"{self.count:,} of {self.count + pending:,} ended{more}", self.count, self.count + pending)
        bar.draw()


def wait_for(
    tasks: Sequence[str],
    timeout: float | None,
    output: TextOrJson,
    *,
    any_: bool = False,
    block: bool = True,
    quiet: bool = False,
) -> ExitCode:
    """Print a line for each task as it ends, in words or as JSON. The exit code is the worst.

    With ``any_`` the first end is enough. Without ``block`` it prints what has ended by now, and returns 8 if that is
    not enough. ``quiet``: nothing but these lines is printed, unless something goes wrong.
    """
    ended = Ended()
    is_late = False
    with progress(None, "", wanted=len(tasks) > 1 and not quiet) as bar:
        waiter = Waiter(tasks, timeout if block else 0, lambda: ended.show(bar, len(waiter.pending)))
        try:
            with interrupts_say(lambda: waits_again(sorted(waiter.pending) or tasks)):
                for state in waiter.ended():
                    ended.add(state)
                    _show_end(state, output)
                    if any_:
                        return ended.code
        except TimeoutError:
            is_late = True
    if not block and is_late:
        say(ended.summary(waiter.pending))
        return ExitCode.PENDING
    if output is TextOrJson.TEXT and len(tasks) > 1 and ended.count and not quiet:
        say(ended.summary())
    if is_late:
        complain_of_timeout(waiter.pending)
    return ExitCode.TIMEOUT if is_late else ended.code


def _show_end(state: TaskState, output: TextOrJson) -> None:
    if output is TextOrJson.JSON:
        write(to_json(state, indent=False))
        return
    error = f": {one_line(state.error_message)}" if state.error_message else ""
    write(f"task {state.number} {state.status}{error}")


def wait_for_result(number: int, timeout: float | None, output: TextOrJson) -> ExitCode:
    """The second half of ``submit --wait``."""
    waiter = Waiter([str(number)], timeout)
    try:
        with interrupts_say(lambda: waits_again([number])):
            for _ in waiter.ended():
                pass
    except TimeoutError:
        complain_of_timeout(waiter.pending)
        return ExitCode.TIMEOUT
    with opened() as db:
        [result] = db.call(calls.read_results([str(number)]))
        return show_result(result, output)
