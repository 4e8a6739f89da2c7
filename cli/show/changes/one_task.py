"""What a task made of its repository, for the description of one task: pure functions."""

from collections.abc import Iterator

from cli.show.changes.lists import VERDICTS, counted
from dispatcher.durations import duration
from dispatcher.quantities import plural
from dispatcher.terminal import harmless
from sql.rows.changes import Change, CommandResult
from sql.rows.people import RunRow, Task

_TAIL_LINES = 12


def facts_of_change(task: Task) -> Iterator[tuple[str, str | None]]:
    """Yield titles and values: where the task works, what its last run left there, how it was checked, what to type."""
    if task.source is not None and task.source != task.repository:
        yield "source", task.source
    run = _last_with_change(task)
    base = task.base_commit
    if base is None and run is not None and run.change is not None:
        base = run.change.base_commit
    yield "base", base and base[:12]
    if run is not None and run.change is not None:
        yield "change", _words(run.change)
        if run.change.problem:
            yield "kept in", run.change.kept_in
    last = task.runs[-1] if task.runs else None
    for command in last.commands if last is not None else ():
        yield "verdict" if command.kind == "check" else "set up", _ended(command)
    if run is not None and run.change is not None and run.change.files:
        number = task.number
        yield "go on", f"`llmctl diff {number}`, `llmctl apply {number}`, `llmctl branch {number}`"


def failed_output(task: Task) -> Iterator[tuple[str, str]]:
    """Yield a title and the end of what a command printed that failed in the last run."""
    last = task.runs[-1] if task.runs else None
    for command in last.commands if last is not None else ():
        if command.verdict != "passed" and command.output_tail:
            lines = harmless(command.output_tail).splitlines()
            more = f" (all of it: `llmctl logs {task.number} --{command.kind}`)"
            yield f"end of the {command.kind}{more}", "\n".join(lines[-_TAIL_LINES:])


def _last_with_change(task: Task) -> RunRow | None:
    """Return the last run that was recorded, or else the last one that could not be."""
    runs = [run for run in task.runs if run.change is not None]
    recorded = [run for run in runs if run.change is not None and run.change.ref is not None]
    return next(reversed(recorded or runs), None)


def _words(change: Change) -> str:
    if change.ref is None or change.head_commit is None:
        return f"not recorded: {change.problem}"
    if not change.files:
        return "none"
    size = f"{plural(change.files, 'file')}, {counted(change.insertions, change.deletions)}"
    return f"{size} ({change.head_commit[:12]} at {change.ref})"


def _ended(command: CommandResult) -> str:
    took = f" after {duration(command.ran_s)}" if command.ran_s is not None and command.ran_s >= 1 else ""
    exit_code = f", exit code {command.exit_code}" if command.exit_code else ""
    return f"{VERDICTS[command.verdict]}: {command.command}{exit_code}{took}"
