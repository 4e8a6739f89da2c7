"""The line below a list of tasks: how many there are, in which states, and what they cost."""

from collections import Counter
from collections.abc import Mapping, Sequence

from cli.show.task_tables import STYLES
from cli.show.words import state_word
from dispatcher.quantities import money, plural
from sql.rows.people import TaskRow


def totals(tasks: Sequence[TaskRow], counts: Mapping[str, int] | None = None) -> str:
    """Return the line for a list that shows all its tasks or, with the ``counts`` of all, a part of them."""
    found = counts or Counter(task.wait_reason or task.status for task in tasks)
    total = max(sum(found.values()), len(tasks))
    is_cut = total > len(tasks)
    known = [*(state for state in STYLES if found.get(state)), *sorted(found.keys() - STYLES.keys())]
    states = ", ".join(f"{found[state]:,} {state_word(state)}" for state in known)
    costs = [task.cost_usd for task in tasks if task.cost_usd is not None]
    cost = f"; {money(float(sum(costs)))}{' for those shown' if is_cut else ''}" if costs else ""
    shown = f"{len(tasks):,} of " if is_cut else ""
    return f"{shown}{plural(total, 'task')}: {states}{cost}"


def cut_hint(shown: int) -> str:
    """Say how to see more tasks than these."""
    return f"-n {shown * 4} shows more, -o jsonl prints all"
