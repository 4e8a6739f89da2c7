"""What stands above the list: clock, dispatchers, counts, pace and groups. It never scrolls away."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.cells import cell_len
from rich.text import Text

from cli.live.snapshot import Snapshot, aged_dispatcher, aged_group
from cli.live.words import ORDER, STYLES, group_words
from cli.show import group_tables
from cli.show.tables import Column, table
from cli.show.words import state_word
from dispatcher.durations import duration
from dispatcher.quantities import money
from dispatcher.terminal import one_line
from sql.rows.groups import GroupRow
from sql.rows.people import DispatcherRow

LOW = 16
"""In windows of fewer lines the groups share one, and in those of half as many they are left out."""

_BAR = 10
"""Groups of at most so many slots are drawn as a bar."""


HOUR = 3600.0
ENOUGH = 3
"""So many tasks have to have ended within the hour before their pace says something about the rest."""


def head(snapshot: Snapshot, seconds: float, width: int, height: int) -> list[Text]:
    """Return at most half as many lines as the window has, each at most ``width`` cells wide."""
    now = snapshot.at + timedelta(seconds=seconds)
    lines = [
        _with_clock(dispatchers([aged_dispatcher(row, seconds) for row in snapshot.dispatchers]), now, width),
        *flowed(counts(snapshot), width),
    ]
    if told := progress(snapshot, seconds):
        lines.append(Text(told))
    groups = [aged_group(row, seconds) for row in snapshot.groups]
    if groups and height >= LOW:
        lines += [*group_lines(groups, now, width, max(3, height // 4)), Text()]
    elif groups and height >= LOW // 2:
        lines.append(_in_one_line(groups, now))
    lines = lines[: max(1, height // 2)]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def dispatchers(rows: Sequence[DispatcherRow]) -> Text:
    """Return a line with the dispatchers and whether they are alive: the first thing to look at when nothing moves."""
    if not rows:
        return Text("no dispatcher is running: start one with `dispatcher run`", "red")
    # Those that need a look come first, for the line may be cut.
    return Text("   ").join(
        _dispatcher(row) for row in sorted(rows, key=lambda row: (row.alive, not row.draining))
    )


def _dispatcher(row: DispatcherRow) -> Text:
    host = one_line(row.host)
    if not row.alive:
        return Text(f"dispatcher {host} silent for {duration(row.heartbeat_age_s)}", "red")
    if row.draining:
        return Text(f"dispatcher {host} is stopping and starts nothing more", "yellow")
    return Text(f"dispatcher {host} ♥ {duration(row.heartbeat_age_s)} ago", "green")


def counts(snapshot: Snapshot) -> list[Text]:
    """``running 3``, ``queued 12``, ``retry 1``: each state that has tasks."""
    found = {state_word(state): tasks for state, tasks in snapshot.counts.items() if tasks}
    if stopping := len(snapshot.stopping):
        found["stopping"] = stopping
        found["running"] = found.get("running", 0) - stopping
    if not found:
        return [Text("no tasks", "dim")]
    return [Text(f"{state} {found[state]:,}", STYLES.get(state, "")) for state in ORDER if found.get(state)]


def flowed(words: Sequence[Text], width: int) -> list[Text]:
    """Return the words in as few lines as have room for all."""
    lines = [Text()]
    for word in words:
        if lines[-1].plain and lines[-1].cell_len + 3 + word.cell_len > width:
            lines.append(Text())
        lines[-1].append("   " if lines[-1].plain else "").append_text(word)
    return lines


def group_lines(groups: Sequence[GroupRow], now: datetime, width: int, room: int) -> list[Text]:
    """Return a table of the groups in ``room`` lines; those that stand still or work come first if not all fit."""
    shown = groups
    if len(groups) + 1 > room:
        shown = sorted(groups, key=_needs_no_look)[: max(1, room - 2)]
    lines = table(shown, _columns(now), width)
    if left_out := len(groups) - len(shown):
        lines.append(Text(f"… {left_out:,} more groups", "dim"))
    return lines


def everything(snapshot: Snapshot) -> list[Text]:
    """Return the head for output without a window: nothing is cut."""
    lines = [dispatchers(snapshot.dispatchers), Text("   ").join(counts(snapshot))]
    if told := progress(snapshot):
        lines.append(Text(told))
    if snapshot.groups:
        lines += [Text(), *table(snapshot.groups, _columns(snapshot.at))]
    return [*lines, Text()]


def _columns(now: datetime) -> Sequence[Column[GroupRow]]:
    return (
        Column("GROUP", lambda group: group.group_name, elastic=True),
        Column("SLOTS", lambda group: f"{group.current_concurrent}/{group.max_concurrent}", right=True),
        Column("", _bar, spare=3, style=lambda group: group_tables.STYLES.get(group.state, "")),
        Column("QUEUE", lambda group: str(group.queued), right=True, spare=1),
        Column(
            "TODAY",
            group_tables.spending,
            right=True,
            spare=2,
            shown=lambda groups: any(group_tables.spending(one) for one in groups),
        ),
        Column(
            "STATE",
            lambda group: group_words(group, now),
            elastic=True,
            style=lambda group: group_tables.STYLES.get(group.state, ""),
        ),
    )


def _bar(group: GroupRow) -> str:
    if group.max_concurrent > _BAR:
        return ""
    used = min(group.current_concurrent, group.max_concurrent)
    return "█" * used + "░" * (group.max_concurrent - used)


def _needs_no_look(group: GroupRow) -> tuple[bool, bool, bool]:
    return group.state in ("open", "full"), not group.current_concurrent, not group.queued


def _in_one_line(groups: Sequence[GroupRow], now: datetime) -> Text:
    return Text("   ").join(
        Text(
            f"{one_line(group.group_name)} {group.current_concurrent}/{group.max_concurrent} "
            f"{one_line(group_words(group, now))}",
            group_tables.STYLES.get(group.state, ""),
        )
        for group in sorted(groups, key=_needs_no_look)
    )


def _with_clock(line: Text, now: datetime, width: int) -> Text:
    clock = f"{now:%H:%M:%S}"
    gap = width - cell_len(line.plain) - len(clock)
    return line if gap < 2 else Text.assemble(line, " " * gap, (clock, "dim"))


def per_hour(snapshot: Snapshot, seconds: float = 0.0) -> float | None:
    """Return how many tasks end in an hour, by those that ended within the last one; None if they were too few."""
    ago = sorted(
        age
        for task in snapshot.ended
        if task.finished_at is not None
        and (age := task.age_s + seconds - (task.finished_at - task.created_at).total_seconds()) <= HOUR
    )
    if len(ago) < ENOUGH:
        return None
    # From the end of the first of them on, the others ended.
    return (len(ago) - 1) * HOUR / max(ago[-1], 60.0)


def progress(snapshot: Snapshot, seconds: float = 0.0) -> str:
    """``14 done/h, 61 of 112 done, about 3 h 40 min left, $41.20 today``: what is known of it."""
    rate = per_hour(snapshot, seconds)
    parts = [] if rate is None else [f"{rate:,.0f} done/h"]
    left = snapshot.total - snapshot.done
    if snapshot.selected and snapshot.total:
        parts.append(f"{snapshot.done:,} of {snapshot.total:,} done")
        if rate and left:
            parts.append(f"about {duration(left / rate * HOUR)} left")
    if spent := sum(group.spent_usd for group in snapshot.groups):
        parts.append(f"{money(float(spent))} today")
    return ", ".join(parts)
