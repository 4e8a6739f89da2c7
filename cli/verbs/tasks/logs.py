"""`llmctl logs`: the output of agents, while they run and afterwards."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.registry import family
from cli.show.output import interrupts_say, say
from cli.verbs.tasks.listing import TaskArgument
from dispatcher.errors import ExitCode

if TYPE_CHECKING:
    from cli.database.log_reading import LogReader
    from cli.show.tail import Tail
    from dispatcher.log_views import View
    from sql.output_rows import LogState

app = family()


@app.command()
def logs(
    task: TaskArgument,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Follow the output of all runs until the task ends.")
    ] = False,
    tail: Annotated[
        int | None,
        typer.Option(
            min=0, max=2**31 - 1, metavar="N", help="Begin with the last N lines.", show_default=False
        ),
    ] = None,
    run: Annotated[
        int | None,
        typer.Option(min=1, max=2**31 - 1, metavar="N", help="Print run N instead of the last one."),
    ] = None,
    stderr: Annotated[
        bool, typer.Option("--stderr", help="Print standard error instead of standard output.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print every byte as it is, also control sequences.")
    ] = False,
) -> None:
    """Print the output of a task's agent.

    The JSON of claude, codex and gemini becomes text: what the agent says, and in brackets what it does. Secrets
    are masked. Remarks, such as why a run failed, go to standard error.
    """
    from cli.database.log_reading import LogReader
    from cli.show.tail import Tail

    stream = "stderr" if stderr else "stdout"
    printer = Printer(None if tail is None else Tail(tail))
    print_log(LogReader(task, run, stream, follow=follow), printer, stream, raw=raw)


def follow(task: str) -> ExitCode:
    """Print the log as ``logs -f`` does, for `submit --follow`; return 0 only if the task succeeds."""
    from cli.database.log_reading import LogReader

    reader = LogReader(task, None, "stdout", follow=True)
    with interrupts_say(lambda: f"it goes on; `llmctl logs -f {task}` follows it again"):
        last = print_log(reader, Printer(None), "stdout", raw=False)
    return ExitCode.OK if last.task_status == "succeeded" else ExitCode.FAILED


def print_log(reader: "LogReader", printer: "Printer", stream: str, *, raw: bool) -> "LogState":
    """Print everything that ``reader`` brings, and return the last state of the task. Raises what the reader raises."""
    from cli.database.log_reading import CaughtUp, RunBegins, RunEnded
    from dispatcher.log_views import Raw, remarks, view_of

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
                    say(f"task {state.number} is {state.task_status} and has not started yet")
            case RunEnded(state):
                ended += 1
                printer.print(view.end())
                printer.flush()
                option = "without --stderr" if stream == "stderr" else "with --stderr"
                for remark in remarks(state, stream, shown_by=option):
                    say(remark)
    return state


class Printer:
    """Writes to standard output. With a ``tail``, what comes before the first flush is cut to its last lines."""

    def __init__(self, tail: "Tail | None") -> None:
        self._tail = tail

    def print(self, shown: bytes) -> None:
        if self._tail is not None:
            self._tail.feed(shown)
        else:
            sys.stdout.buffer.write(shown)

    def flush(self) -> None:
        """Show everything that was printed so far."""
        if self._tail is not None:
            sys.stdout.buffer.writelines(self._tail.lines())
            self._tail = None
        sys.stdout.buffer.flush()
