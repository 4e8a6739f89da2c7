"""`llmctl logs`: what agents print, while they run and afterwards."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.registry import family
from cli.show.output import interrupts_say, say
from cli.show.text import size
from cli.verbs.tasks import TaskArgument
from dispatcher.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.database.log_reading import LogReader
    from cli.show.log_views import Tail, View
    from sql.rows import LogState

app = family()


@app.command()
def logs(
    task: TaskArgument,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on until the task has ended, over all its runs.")
    ] = False,
    tail: Annotated[
        int | None,
        typer.Option(
            min=0, max=2**31 - 1, metavar="N", help="Begin with the last N lines.", show_default=False
        ),
    ] = None,
    run: Annotated[
        int | None, typer.Option(min=1, max=2**31 - 1, metavar="N", help="This run instead of the last one.")
    ] = None,
    stderr: Annotated[
        bool, typer.Option("--stderr", help="Standard error instead of standard output.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Every byte as it was printed, control sequences, too.")
    ] = False,
) -> None:
    """Print what a task's agent prints.

    What the built-in tools print for programs is retold: what the agent says, and in brackets what it
    does. Secrets are masked. Remarks, such as why a run failed, are on standard error.
    """
    from cli.database.log_reading import LogReader
    from cli.show.log_views import Tail

    stream = "stderr" if stderr else "stdout"
    printer = Printer(None if tail is None else Tail(tail))
    print_log(LogReader(task, run, stream, follow=follow), printer, stream, raw=raw)


def follow(task: str) -> ExitCode:
    """What `submit --follow` does: ``logs -f``, and 0 only if the task succeeds."""
    from cli.database.log_reading import LogReader

    reader = LogReader(task, None, "stdout", follow=True)
    with interrupts_say(lambda: f"it goes on; `llmctl logs -f {task}` reads along again"):
        last = print_log(reader, Printer(None), "stdout", raw=False)
    return ExitCode.OK if last.task_status == "succeeded" else ExitCode.FAILED


def print_log(reader: "LogReader", printer: "Printer", stream: str, *, raw: bool) -> "LogState":
    """Print all that ``reader`` brings; answers the last state of the task. Raises what it raises."""
    from cli.database.log_reading import CaughtUp, RunBegins, RunEnded
    from cli.show.log_views import Raw, view_of

    view: View = Raw()
    ended, waiting = 0, False
    for news in reader.news():
        match news:
            case RunBegins(state):
                view = view_of(state.tool, stream, raw=raw)
                if ended:
                    say(f"run {state.run_no}:")
            case bytes():
                printer.print(view.feed(news))
            case CaughtUp(state):
                printer.flush()
                if state.run_no is None and not waiting:
                    waiting = True
                    say(f"task {state.number} is {state.task_status} and was not started yet")
            case RunEnded(state):
                ended += 1
                printer.print(view.end())
                printer.flush()
                for remark in remarks(state, stream):
                    say(remark)
    return state


class Printer:
    """Writes to standard output; the first time only the last lines, where there is a ``tail``."""

    def __init__(self, tail: "Tail | None") -> None:
        self._tail = tail

    def print(self, shown: bytes) -> None:
        if self._tail is not None:
            self._tail.feed(shown)
        else:
            sys.stdout.buffer.write(shown)

    def flush(self) -> None:
        """Show all that was printed so far to whoever reads along."""
        if self._tail is not None:
            sys.stdout.buffer.writelines(self._tail.lines())
            self._tail = None
        sys.stdout.buffer.flush()


def remarks(state: "LogState", stream: str) -> "Iterator[str]":
    """What people should know of the log of a run that has ended."""
    printed, stored = state.printed(stream)
    if not printed:
        other = "stdout" if stream == "stderr" else "stderr"
        much, _ = state.printed(other)
        option = " (shown without --stderr)" if stream == "stderr" else " (shown with --stderr)"
        yield f"run {state.run_no} printed nothing on {stream}" + (
            f", but {size(much)} on {other}{option}" if much else ""
        )
    elif state.output_pruned_at is not None:
        day = f"{state.output_pruned_at.astimezone():%Y-%m-%d}"
        yield f"what run {state.run_no} of task {state.number} printed was deleted on {day} (retention.output)"
    elif printed > stored:
        yield f"… {size(printed - stored)} more are not shown: execution.max_log_bytes was reached"
    if state.error_message:
        yield f"run {state.run_no} {(state.run_status or '').replace('_', ' ')}: {state.error_message}"
