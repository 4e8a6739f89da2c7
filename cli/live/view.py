"""The live table as lines of text: pure functions of the screen's state."""

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.text import Text

from cli.live.columns import columns, reason
from cli.live.head import everything as whole_head
from cli.live.head import head
from cli.live.items import Fold, Item, tasks_of
from cli.live.model import Model
from cli.live.panes import Pane, wrapped
from cli.live.snapshot import Snapshot, aged_task
from cli.live.words import state_of
from cli.show.tables import table
from dispatcher.terminal import one_line
from sql.rows.people import TaskRow

_GUTTER = 2
_FOOT = 2
"""Lines below the list: what was said, and the keys."""

KEYS = (
    *(
        ("?", "help"),
        ("q", "quit"),
        ("Enter", "show"),
        ("l", "logs"),
        ("c", "cancel"),
        ("r", "retry"),
        ("/", "filter"),
    ),
    *(
        ("h", "hold/release"),
        ("t", "top"),
        ("s", "sort"),
        ("P", "pause group"),
        ("Space", "mark"),
        ("f", "failed first"),
        ("w", "wide"),
    ),
)
"""What the last line says; the first of them stay where not all have room."""

_PANE_KEYS = (("Esc", "back"), ("↑↓ PgUp PgDn", "scroll"), ("g", "first"), ("G", "last"))


def fitted(model: Model) -> Model:
    """Return the model with what its window has room for. Each change of a model ends with this."""
    over = head(model.snapshot, model.seconds, model.width, model.height)
    model = model.settled(max(0, model.height - len(over) - 1 - _foot(model)))
    if model.pane is None:
        return model
    return replace(model, pane=model.pane.fitted(model.width, model.height - 2))


def frame(model: Model) -> list[Text]:
    """Return at most ``height`` lines of at most ``width`` cells of a model that is :func:`fitted`."""
    lines = _list_frame(model) if model.pane is None else _pane_frame(model, model.pane)
    for line in lines:
        if cell_len(line.plain) > model.width:
            line.truncate(model.width, overflow="ellipsis")
    return lines[: model.height]


def last_frame(model: Model) -> list[Text]:
    """Return what stays on the terminal at the end: the list, without keys and without what was asked."""
    over = head(model.snapshot, model.seconds, model.width, model.height)
    return [*over, *_list(replace(model, marked=frozenset()), cursor=False)]


def everything(snapshot: Snapshot) -> list[Text]:
    """Return the table for output without a window: nothing is cut."""
    rows = [*snapshot.tasks]
    if not rows:
        return whole_head(snapshot)
    return whole_head(snapshot) + table(rows, columns(rows, snapshot.at, snapshot.stopping))


def _list_frame(model: Model) -> list[Text]:
    over = head(model.snapshot, model.seconds, model.width, model.height)
    listed = _list(model)
    lines = [*over, *listed]
    lines += [Text()] * (model.height - len(lines))
    foot = _below(model, listed)
    return lines[: model.height - len(foot)] + foot


def _below(model: Model, listed: Sequence[Text]) -> list[Text]:
    told, keys = _status(model, listed)[: max(1, model.height // 4)], _keys(KEYS, model.width)
    match _foot(model):
        case 0:
            return []
        case 1:
            return told[:1] if told[0].plain else [keys]
        case _:
            return [*told, keys]


def _foot(model: Model) -> int:
    return _FOOT if model.height >= 6 else 1 if model.height >= 3 else 0


def _list(model: Model, *, cursor: bool = True) -> list[Text]:
    if not model.items:
        return [
            Text("no task fits the filter" if model.filter and model.snapshot.tasks else "no tasks", "dim")
        ]
    items = [_aged(item, model.seconds) for item in model.seen()]
    heading, *rows = table(
        items,
        columns(items, model.now, model.snapshot.stopping, width=model.width, wide=model.wide),
        max(1, model.width - _GUTTER),
    )
    return [
        Text("  ").append_text(heading),
        *(
            _row(model, item, row, under=cursor and model.top + place == model.place)
            for place, (item, row) in enumerate(zip(items, rows, strict=True))
        ),
    ]


def _aged(item: Item, seconds: float) -> Item:
    if isinstance(item, Fold):
        return replace(item, tasks=[aged_task(task, seconds) for task in item.tasks])
    return aged_task(item, seconds)


def _row(model: Model, item: Item, row: Text, *, under: bool) -> Text:
    marked = all(task.number in model.marked for task in tasks_of(item))
    sign = ("-" if item.opened else "+") if isinstance(item, Fold) else " "
    line = Text(("▸" if under else " ") + ("*" if marked else sign)).append_text(row)
    if not isinstance(item, Fold) and item.status in ("succeeded", "canceled"):
        line.stylize("dim")
    if under:
        line.append(" " * max(0, model.width - cell_len(line.plain)))
        line.stylize("reverse")
    return line


def _status(model: Model, listed: Sequence[Text]) -> list[Text]:
    """Return what stands above the keys: what is most urgent to know. What is said may cover the end of the list."""
    if model.question is not None:
        return _said(f"{model.question.text} y/N", model.width, "bold yellow")
    if model.said:
        return _said(model.said, model.width, "bold")
    if model.trouble:
        return _said(model.trouble, model.width, "red")
    return [_state(model, listed)]


def _said(text: str, width: int, style: str) -> list[Text]:
    return [Text(row, style) for row in wrapped(one_line(text), max(2, width))]


def _state(model: Model, listed: Sequence[Text]) -> Text:
    if model.filtering:
        return Text.assemble(
            ("/", "bold"), one_line(model.filter), ("█", "dim"), ("  Enter keeps it, Esc ends it", "dim")
        )
    parts = [f"filter: {one_line(model.filter)}"] if model.filter else []
    parts += [f"{len(model.marked):,} marked"] if model.marked else []
    parts += [f"by {model.sort}"] if model.sort != "usual" else []
    parts += ["failed first"] if model.failed_first else []
    if left_out := _left_out(model):
        parts.append(left_out)
    told = Text(", ".join(parts), "cyan" if model.filter or model.marked else "dim")
    if (cut := _cut_reason(model, listed)) and cell_len(told.plain) + 3 < model.width:
        told = Text.assemble(told, "   " if parts else "", cut)
    return told


def _left_out(model: Model) -> str:
    """Return how many tasks are not in the list, and which part of it is in the window."""
    listed = len(model.snapshot.tasks)
    parts = []
    if len(model.items) > model.room > 0:
        parts.append(f"lines {model.top + 1}-{model.top + len(model.seen())} of {len(model.items):,}")
    if (more := model.snapshot.total - listed) > 0:
        parts.append(f"{more:,} more tasks are not listed")
    return ", ".join(parts)


def _cut_reason(model: Model, listed: Sequence[Text]) -> str:
    """Return who the task under the cursor is and why it waits, if its line has no room for that."""
    item = model.item
    if not isinstance(item, TaskRow):
        return ""
    said = one_line(reason(aged_task(item, model.seconds), model.now) or "")
    name = Text(one_line(item.title))
    row = next((line.plain for line in listed if line.plain.startswith("▸")), "")
    if said in row and name.plain in row:
        return ""
    name.truncate(model.width // 3, overflow="ellipsis")
    return " ".join(part for part in (str(item.number), name.plain) if part) + (
        f": {said}" if said not in row else ""
    )


def _keys(keys: Sequence[tuple[str, str]], width: int) -> Text:
    line = Text()
    for key, meaning in keys:
        gap = "  " if line.plain else ""
        if cell_len(line.plain + gap + key + meaning) + 1 > width:
            break
        line.append(gap).append(key, "bold").append(f" {meaning}", "dim")
    return line


def _pane_frame(model: Model, pane: Pane) -> list[Text]:
    title = Text(pane.title, "bold")
    task = next((task for task in model.snapshot.tasks if task.number == pane.number), None)
    if task is not None:
        title.append(f"  {state_of(task, stops=task.number in model.snapshot.stopping)}", "cyan")
        title.append(f"  {one_line(task.title)}", "dim")
    if pane.note:
        title.append(f"  {one_line(pane.note)}", "dim")
    lines = (
        [Text(row) for row in pane.seen()]
        if any(pane.rows)
        else [Text("no output yet" if pane.is_log else "…", "dim")]
    )
    lines += [Text()] * (pane.room - len(lines))
    last = len(pane.rows)
    place = f"{min(pane.first + pane.room, last):,} of {last:,}"
    place += ", follows" if pane.is_log and pane.top is None else ""
    foot = _keys(_PANE_KEYS, max(1, model.width - len(place) - 2))
    if model.trouble:
        foot = Text(one_line(model.trouble), "red")
    gap = model.width - cell_len(foot.plain) - len(place)
    if gap > 0:
        foot.append(" " * gap).append(place, "dim")
    return [title, *lines, foot]
