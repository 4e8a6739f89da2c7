"""What people decided of a task, and the tries beside it, as parts of its description: pure functions."""

from collections.abc import Iterator, Sequence

from cli.show.tables import Column, table
from cli.show.words import state_word
from dispatcher.quantities import money
from dispatcher.terminal import one_line
from sql.rows.changes import Decision, Try, TrySet
from sql.rows.people import Task

TRIES: Sequence[Column[Try]] = (
    Column("TASK", lambda one: str(one.number), right=True),
    Column("STATE", lambda one: state_word(one.wait_reason or one.status)),
    Column("TOOL", lambda one: one.tool),
    Column("MODEL", lambda one: one.model, shown=lambda tries: any(one.model for one in tries)),
    Column("ACCOUNT", lambda one: one.account, shown=lambda tries: any(one.account for one in tries)),
    Column("COST", lambda one: None if one.cost_usd is None else money(float(one.cost_usd)), right=True),
)


def parts(task: Task) -> Iterator[tuple[str, str]]:
    """Yield headings and texts: the question that waits, what was decided, and the tries."""
    if task.question:
        yield f"question (answer it: `llmctl answer {task.number} TEXT`)", task.question
    if task.decisions:
        yield "decisions", "\n".join(_decided(one) for one in task.decisions)
    if task.tries is not None:
        yield (
            f"tries ({_picked(task.tries)})",
            "\n".join(line.plain for line in table(task.tries.tries, TRIES)),
        )


def _decided(one: Decision) -> str:
    about = f" run {one.run_no}" if one.run_no is not None else ""
    said = f": {one_line(one.message)}" if one.message else ""
    asked = f" (asked: {one_line(one.question)})" if one.question else ""
    at = f"{one.decided_at.astimezone():%Y-%m-%d %H:%M:%S}"
    return f"{at}  {one.decision}{about}, by {one.decided_by}{said}{asked}"


def _picked(tries: TrySet) -> str:
    way = "the first that succeeds" if tries.judge is None else f"what task {tries.judge} chooses"
    cost = "" if tries.cost_usd is None else f"; {money(float(tries.cost_usd))} together"
    picked = f"picked: task {tries.picked}" if tries.picked else f"none is picked yet: {way} will be"
    return f"{picked}{cost}"
