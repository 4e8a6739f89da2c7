"""How a task belongs with others, as lines of its description: pure functions."""

from collections.abc import Iterator

from cli.show.words import state_word
from dispatcher.quantities import count, money, plural
from sql.rows.people import Task
from sql.rows.workflows import Need, Tree

_NEEDED = {"succeeded": "", "ended": "end", "failed": "failure", "tree": "tree"}


def facts(task: Task) -> Iterator[tuple[str, str | None]]:
    """Yield titles and values; an empty value is left out."""
    yield "comes after", ", ".join(map(_need, task.after))
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
