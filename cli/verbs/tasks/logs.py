"""`llmctl logs`: the output of agents, while they run and afterwards."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from cli.download import Destination, DirectoryOption, ForceOption
from cli.input.selectors import Selector, selecting
from cli.registry import family
from cli.show.output import complain, interrupts_say, say
from cli.show.progress import progress
from cli.verbs.tasks.selected import is_single, selected
from dispatcher.errors import ExitCode, NotFoundError, UsageError

if TYPE_CHECKING:
    from cli.database.log_reading import LogReader, News
    from cli.verbs.tasks.log_text import LogText, PrefixedText

app = family()


@app.command()
@selecting()
def logs(
    selector: Selector,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Follow the output of all runs until the tasks end.")
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
    check: Annotated[
        bool, typer.Option("--check", help="Print what the check after the agent printed instead.")
    ] = False,
    setup: Annotated[
        bool, typer.Option("--setup", help="Print what the setup before the agent printed instead.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print every byte as it is, also control sequences.")
    ] = False,
    directory: DirectoryOption = None,
    force: ForceOption = False,
) -> ExitCode:
    """Print the output of the agents of tasks.

    JSON of the tools that llmctl knows becomes text: what the agent says, and in brackets what it does. Secrets
    are masked. Remarks, such as why a run failed, go to standard error. Of several tasks, each line begins with the
    number of its task; -d writes NUMBER.log (NUMBER.stderr.log with --stderr, and so on) for each instead.
    """
    streams = [
        name for name, wanted in (("stderr", stderr), ("check", check), ("setup", setup)) if wanted
    ] or ["stdout"]
    if len(streams) > 1:
        raise UsageError(f"--{streams[0]} and --{streams[1]} print different things: give one of them")
    if directory is not None and follow:
        raise UsageError("-f shows what comes, and -d writes what is there: give one of them")
    from cli.database.log_reading import LogReader
    from cli.verbs.tasks.log_text import LogText, PrefixedText

    [stream] = streams
    tasks = selected(selector)
    texts = {task: LogText(stream, raw=raw, tail=tail) for task in tasks}
    if directory is not None:
        return _write_logs(texts, run, stream, Destination(directory, force=force))
    reader = LogReader(tasks, run, stream, follow=follow)
    if is_single(selector):
        return _print_logs(reader, texts)
    return _print_logs(
        reader, {task: PrefixedText(text, task, follow=follow) for task, text in texts.items()}
    )


def follow(task: str) -> ExitCode:
    """Print the log as ``logs -f`` does, for `submit --follow`; return 0 only if the task succeeds."""
    from cli.database.log_reading import LogReader
    from cli.verbs.tasks.log_text import LogText

    text = LogText("stdout")
    with interrupts_say(lambda: f"it goes on; `llmctl logs -f {task}` follows it again"):
        _print_logs(LogReader([task], None, "stdout", follow=True), {task: text})
    return ExitCode.OK if text.state and text.state.task_status == "succeeded" else ExitCode.FAILED


def _print_logs(reader: "LogReader", texts: "Mapping[str, LogText | PrefixedText]") -> ExitCode:
    """Print everything that ``reader`` brings. Raises what the reader raises; returns 3 if a task has no such log."""
    from cli.database.log_reading import Missing

    worst = ExitCode.OK
    for task, news in reader.news():
        for part in texts[task].parts(news):
            if isinstance(part, bytes):
                sys.stdout.buffer.write(part)
            else:
                sys.stdout.buffer.flush()
                say(part)
        if isinstance(news, Missing):
            complain(str(news.error), news.error.hint)
            worst = ExitCode.NOT_FOUND
        if not isinstance(news, bytes):
            sys.stdout.buffer.flush()
    return worst


def _write_logs(
    texts: "Mapping[str, LogText]", run: int | None, stream: str, destination: Destination
) -> ExitCode:
    """Write a file for the log of each task that was started."""
    from cli.database.connection import opened
    from cli.database.log_reading import CaughtUp, TaskLog

    end = ".log" if stream == "stdout" else f".{stream}.log"
    worst = ExitCode.OK
    with (
        opened() as db,
        interrupts_say(lambda: destination.told("log")),
        progress(len(texts), "writing") as bar,
    ):
        for task, text in texts.items():
            news = TaskLog(task, run, stream).read(db)
            try:
                first = next(news)
                if isinstance(first, CaughtUp):  # without a run before it
                    list(_content(text, [first], task))
                else:
                    destination.write(f"{task}{end}", _content(text, chain([first], news), task))
            except NotFoundError as error:
                complain(str(error), error.hint)
                worst = ExitCode.NOT_FOUND
            bar.advance()
    say(destination.told("log"))
    destination.require_all()
    return worst


def _content(text: "LogText", all_news: "Iterable[News]", task: str) -> Iterator[bytes]:
    for news in all_news:
        for part in text.parts(news):
            if isinstance(part, bytes):
                yield part
            else:
                say(f"[{task}] {part}")
