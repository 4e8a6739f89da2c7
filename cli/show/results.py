"""The results of tasks, for people and scripts."""

from collections.abc import Collection, Mapping, Sequence

from cli.show.output import TextOrJson, say, to_json, write
from cli.show.words import state_word
from dispatcher.errors import ExitCode
from dispatcher.terminal import one_line
from sql.rows.output import TaskResult

MOST_NAMED = 50
"""A message names at most this many tasks, and counts more."""


def show_result(result: TaskResult, output: TextOrJson) -> ExitCode:
    """Print the answer on standard output, or on standard error why there is none."""
    if output is TextOrJson.JSON:
        write(to_json(result))
    else:
        show_answer(result)
    return explain(result)


def show_answer(result: TaskResult, heading: str = "") -> None:
    """Print the answer, if there is one."""
    if result.text is not None:
        if heading:
            write(heading)
        write(result.text.removesuffix("\n"), exact=True)


def heading_of(result: TaskResult) -> str:
    """Return the line that stands above the answer of one task of several, as head and tail write it."""
    return f"==> task {result.number}{f' {one_line(result.title)}' if result.title else ''} <=="


def explain(result: TaskResult) -> ExitCode:
    """Say on standard error why there is no answer, if there is none."""
    match result.status:
        case "succeeded":
            return ExitCode.OK
        case "failed":
            say(f"error: task {result.number} failed: {result.error_message or result.error_class}")
            return ExitCode.FAILED
        case "canceled":
            say(f"error: task {result.number} was canceled")
            return ExitCode.FAILED
    say(f"task {result.number} is {state_word(result.status)}{f': {result.why}' if result.why else ''}")
    return ExitCode.PENDING


def summary_of(numbers: Mapping[str, Sequence[int]]) -> str:
    """Return ``38 succeeded, 2 failed (17, 23)``: how many tasks are in each state, and which did not succeed."""
    return ", ".join(
        f"{len(some):,} {state}{'' if state == 'succeeded' else _named(some)}"
        for state, some in numbers.items()
        if some
    )


def _named(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, sorted(numbers)[:MOST_NAMED]))
    return f" ({shown}, …)" if len(numbers) > MOST_NAMED else f" ({shown})"


def waits_again(tasks: Collection[int | str]) -> str:
    """Say that tasks go on, and how to wait for them again."""
    if len(tasks) > MOST_NAMED:
        return "they go on; `llmctl ls` shows them"
    named = " ".join(str(task) for task in tasks)
    return f"{'it goes' if len(tasks) == 1 else 'they go'} on; `llmctl wait {named}` waits again"


def complain_of_timeout(pending: Collection[int]) -> None:
    """Say which tasks have not ended in time."""
    left = sorted(pending)
    if len(left) > MOST_NAMED:
        late = f"{len(left):,} tasks have not ended in time"
    else:
        late = f"not ended in time: {' '.join(map(str, left))}"
    say(f"error: {late}\nhint: {waits_again(left)}")
