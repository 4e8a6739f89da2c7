"""How a task belongs with others, as lines of its description: pure functions."""

from collections import Counter
from collections.abc import Iterator, Sequence

from cli.show.words import state_word
from dispatcher.quantities import count, money, plural
from sql.rows.people import Task
from sql.rows.workflows import Need, Tree

MOST_NAMED = 10
"""Tasks that one comes after are named up to so many."""

_NEEDED = {"succeeded": "", "ended": "end", "failed": "failure", "tree": "tree"}


def facts(task: Task) -> Iterator[tuple[str, str | None]]:
    """Yield titles and values; an empty value is left out."""
    yield "comes after", _needs(task.after)
    if task.after:
        yield "if unmet", task.on_unmet
    yield (
        "input from",
        ", ".join(
            f"{one.task}{'/*' if one.of_tree else ''}:{one.path}" + (f" as {one.name}" if one.name else "")
            for one in task.input_from or ()
        ),
    )
    others = task.dependent_count - len(task.dependents)
    yield "dependents", ", ".join(map(_dependent, task.dependents)) + (f" and {others:,} more" * (others > 0))
    yield "parent", f"task {task.parent}" if task.parent else None
    yield "spawned", plural(task.children, "task") if task.children else None
    yield "spawns", f"{plural(task.spawn_draft, 'task')}, when approved" if task.spawn_draft else None
    yield "tree", _tree(task.tree) if task.tree else None


def _needs(needs: Sequence[Need]) -> str:
    """Name what a task comes after: of many, first what keeps it from starting and what runs, and count the rest."""
    if len(needs) <= MOST_NAMED:
        return ", ".join(map(_need, needs))
    urgent = sorted(needs, key=lambda need: (_urgency(need), need.number))
    named, rest = urgent[:MOST_NAMED], urgent[MOST_NAMED:]
    counts = Counter(state_word(need.wait_reason or need.status) for need in rest)
    counted = ", ".join(f"{number:,} {word}" for word, number in counts.most_common())
    return f"{', '.join(map(_need, named))}, and {len(rest):,} more ({counted})"


def _urgency(need: Need) -> int:
    if need.state == "unmet":
        return 0
    places = {"failed": 1, "canceled": 1, "running": 2, "leased": 2, "queued": 3}
    return places.get(need.status, 4)


def _need(need: Need) -> str:
    word = _NEEDED[need.kind]
    state = state_word(need.wait_reason or need.status)
    said = {"unmet": f"{state}, cannot be met", "waived": f"{state}, waived"}.get(need.state, state)
    return f"{need.number} ({f'{word}: ' if word else ''}{said})"


def _dependent(need: Need) -> str:
    return f"{need.number} ({state_word(need.wait_reason or need.status)})"


def _tree(tree: Tree) -> str:
    used = [f"{tree.tasks:,} of {tree.max_tasks:,} tasks"]
    used.append(
        f"{money(float(tree.cost_usd))}"
        + (f" of {money(float(tree.max_cost_usd))}" if tree.max_cost_usd else "")
    )
    if tree.max_tokens:
        used.append(f"{count(tree.tokens)} of {count(tree.max_tokens)} tokens")
    bounds = f"depth {tree.max_depth}, {tree.max_children:,} children each"
    tools = f"; tools {', '.join(tree.tools)}" if tree.tools else ""
    return f"of task {tree.root}: {', '.join(used)}; {bounds}{tools}"
