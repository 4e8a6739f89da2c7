"""What a key does to the screen's state, and what it asks the database for. Pure functions."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cli.live.items import SORTS, Fold, tasks_of
from cli.live.keys import PASTED
from cli.live.model import Act, Command, Model, Open, Question, Quit, Steer
from cli.live.panes import Pane
from sql.rows.groups import GroupRow
from sql.rows.people import TaskRow

Pressed = tuple[Model, Command | None]

HELP = """\
Move
  Up Down, j k    one line
  PgUp PgDn       one window
  g G, Home End   to the first, to the last

Look
  Enter           show everything about the task,
                  or the tasks that a line with + stands for
  l               its log, which is followed until Esc
  /               show only tasks with this in their number, name,
                  state, group or label, such as batch=x
  s               another order: task, age, elapsed, name, group,
                  state, cost, and the usual one again
  f               failed tasks first
  w               wide: all columns

Act on the marked tasks, or on the one under the cursor
  Space           mark, or take the mark away
  c               cancel (asks)
  r               retry, or start early
  h               hold, or release what is held
  t               top: start before all others
  P               pause or resume the group of the task (asks)

Leave
  Esc             go back: from this text, a filter, or marks
  q, Ctrl-C       end; tasks go on
  Ctrl-Z          suspend"""


def press(model: Model, key: str) -> Pressed:
    """Return the state after a key, and the command that it gives."""
    if model.question is not None:
        return _answer(model, model.question, key)
    if model.pane is not None:
        return _read(replace(model, said=""), model.pane, key)
    if model.filtering:
        return _filter(model, key), None
    model = replace(model, said="")
    if (place := _place(key, model.place, len(model.items), model.room)) is not None:
        return (model.at_first() if key in ("g", "home") else model.moved(place)), None
    found = _KEYS.get(key)
    return found(model) if found else (model, None)


def _place(key: str, place: int, length: int, room: int) -> int | None:
    """Return where a key moves to from ``place``; None if it does not move."""
    match key:
        case "up" | "k":
            return place - 1
        case "down" | "j":
            return place + 1
        case "page up":
            return place - max(1, room - 1)
        case "page down":
            return place + max(1, room - 1)
        case "home" | "g":
            return 0
        case "end" | "G":
            return length
    return None


def _answer(model: Model, question: Question, key: str) -> Pressed:
    model = replace(model, question=None)
    if key in ("y", "Y"):
        return model, question.command
    return replace(model, said="nothing was done"), None


def _read(model: Model, pane: Pane, key: str) -> Pressed:
    if key in ("escape", "q", "?") or (key == "l" and pane.is_log) or (key == "enter" and not pane.is_log):
        return replace(model, pane=None), None
    if key == "l" and pane.number is not None:
        return _log(model, pane.number)
    if key == "space":
        key = "page down"
    place = _place(key, pane.first, len(pane.rows), pane.room)
    return (model if place is None else replace(model, pane=pane.scrolled(place))), None


def _filter(model: Model, key: str) -> Model:
    match key:
        case "enter":
            return replace(model, filtering=False)
        case "escape":
            return replace(model, filtering=False, filter="")
        case "backspace":
            return replace(model, filter=model.filter[:-1])
        case "erase":
            return replace(model, filter="")
        case "space":
            return replace(model, filter=model.filter + " ")
        case "up" | "down" | "page up" | "page down":
            place = _place(key, model.place, len(model.items), model.room)
            return model.moved(place or 0)
        case _ if len(key) == 1 or key.startswith(PASTED):
            return replace(model, filter=model.filter + key.removeprefix(PASTED))
    return model


def _back(model: Model) -> Pressed:
    if model.marked:
        return replace(model, marked=frozenset()), None
    if model.filter:
        return replace(model, filter=""), None
    return model, Quit()


def _enter(model: Model) -> Pressed:
    model = model.moved(model.place)
    if isinstance(model.item, Fold):
        return replace(model, opened=model.opened ^ {model.item.key}), None
    if model.item is None:
        return model, None
    number = model.item.number
    pane = Pane(f"task {number}", number).fitted(model.width, model.height - 2)
    return replace(model, pane=pane), Open(number, log=False)


def _open_log(model: Model) -> Pressed:
    if isinstance(model.item, TaskRow):
        return _log(model, model.item.number)
    return replace(model, said="a log is that of one task: Enter shows the tasks"), None


def _log(model: Model, number: int) -> Pressed:
    model = model.moved(model.place)
    pane = Pane(f"log of task {number}", number, is_log=True, top=None)
    return replace(model, pane=pane.fitted(model.width, model.height - 2)), Open(number, log=True)


def _mark(model: Model) -> Pressed:
    if model.item is None:
        return model, None
    numbers = {task.number for task in tasks_of(model.item)}
    marked = model.marked - numbers if numbers <= model.marked else model.marked | numbers
    return replace(model, marked=marked).moved(model.place + 1), None


def _cancel(model: Model) -> Pressed:
    numbers = [task.number for task in model.chosen]
    if not numbers:
        return model, None
    return replace(model, question=Question(f"cancel {named(numbers)}?", Act("cancel", numbers))), None


def _retry(model: Model) -> Pressed:
    return _act(model, "retry", [task.number for task in model.chosen])


def _hold(model: Model) -> Pressed:
    loose = [task.number for task in model.chosen if task.wait_reason != "held"]
    if loose:
        return _act(model, "hold", loose)
    return _act(model, "release", [task.number for task in model.chosen])


def _top(model: Model) -> Pressed:
    return _act(model, "top", [task.number for task in model.chosen])


def _act(model: Model, action: str, numbers: Sequence[int]) -> Pressed:
    """Act at once on what was chosen; ask if nothing was, since another task may have become the first one just now."""
    if not numbers:
        return model, None
    if model.cursor is None and not model.marked:
        return replace(model, question=Question(f"{action} {named(numbers)}?", Act(action, numbers))), None
    return model, Act(action, numbers)


def _pause(model: Model) -> Pressed:
    if model.item is None:
        return model, None
    task = tasks_of(model.item)[0]
    groups = _groups_of(model.snapshot.groups, task)
    if len(groups) == 1:
        group = groups[0]
        pause = group.state != "paused"
        text = f"{'pause' if pause else 'resume'} the group {group.group_name}?"
        return replace(model, question=Question(text, Steer(group.group_name, pause))), None
    names = ", ".join(group.group_name for group in groups)
    said = (
        f"task {task.number} may run in any of {names}: `llmctl group pause NAME` pauses one"
        if groups
        else f"no worker group serves {task.tool}: add one with `llmctl group add`"
    )
    return replace(model, said=said), None


def _groups_of(groups: Sequence[GroupRow], task: TaskRow) -> Sequence[GroupRow]:
    """Return the group that runs the task or ran it last, or those in which it may start."""
    own = [group for group in groups if group.group_name == task.group_name]
    return own or [
        group for group in groups if group.tool == task.tool and task.account in (None, group.account_name)
    ]


def _sort(model: Model) -> Pressed:
    names = list(SORTS)
    sort = names[(names.index(model.sort) + 1) % len(names)]
    return replace(
        model, sort=sort, said=f"sorted by {sort}" if sort != "usual" else "in the usual order"
    ), None


def _failed(model: Model) -> Pressed:
    first = not model.failed_first
    said = "failed first" if first else "in the usual order"
    return replace(model, failed_first=first, said=said).at_first(), None


def _wide(model: Model) -> Pressed:
    return replace(model, wide=not model.wide), None


def _help(model: Model) -> Pressed:
    pane = Pane("keys").fitted(model.width, model.height - 2)
    return replace(model, pane=pane.filled(HELP)), None


def _start_filter(model: Model) -> Pressed:
    return replace(model, filtering=True), None


def _end(model: Model) -> Pressed:
    return model, Quit()


_KEYS: dict[str, Callable[[Model], Pressed]] = {
    "enter": _enter,
    "d": _enter,
    "l": _open_log,
    "space": _mark,
    "c": _cancel,
    "r": _retry,
    "h": _hold,
    "t": _top,
    "P": _pause,
    "s": _sort,
    "f": _failed,
    "w": _wide,
    "/": _start_filter,
    "?": _help,
    "q": _end,
    "escape": _back,
}


def named(numbers: Sequence[int]) -> str:
    """``task 12``, ``tasks 12, 13, 15``, ``40 tasks (12, 13, 14, …)``."""
    if len(numbers) == 1:
        return f"task {numbers[0]}"
    if len(numbers) <= 8:
        return f"tasks {', '.join(map(str, numbers))}"
    return f"{len(numbers):,} tasks ({', '.join(map(str, numbers[:3]))}, …)"
