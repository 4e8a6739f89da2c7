"""The words of the live table: states, reasons and times. Pure functions of a row and of the clock."""

import re
from datetime import datetime, timedelta

from cli.show.words import state_words
from dispatcher.durations import duration
from dispatcher.remarks import SILENCE, remark
from sql.rows.groups import GroupRow
from sql.rows.people import TaskRow

ACTIVE = ("leased", "running")

ORDER = (
    *("running", "starting", "stopping", "question", "approval"),
    *("queued", "retry", "limit", "budget", "scheduled", "dependency"),
    *("held", "failed", "canceled", "succeeded"),
)
"""The order in which states are counted, from what moves to what has ended."""

STYLES = {
    "running": "green",
    "starting": "cyan",
    "stopping": "yellow",
    "question": "bold yellow",
    "approval": "bold yellow",
    "retry": "yellow",
    "limit": "magenta",
    "budget": "magenta",
    "scheduled": "blue",
    "dependency": "blue",
    "held": "blue",
    "failed": "red",
    "canceled": "dim",
    "succeeded": "dim",
    "succeeded?": "dim",
}

_PLACE = re.compile(r"^waits for its turn: (.*)$")
_NUMBER = re.compile(r"\d[\d,.:]*")


def state_of(task: TaskRow, *, stops: bool = False) -> str:
    """Return the word for the state of a task, or for what it waits for."""
    if stops and task.status in ACTIVE:
        return "stopping"
    return state_words(task.wait_reason or task.status, proven=task.proven)


def moment(seconds: float, now: datetime) -> str:
    """Return when that is: ``in 45 s``, ``at 12:05 (24 min)``, ``at Sat 12:05``."""
    if seconds < 90:
        return f"in {duration(seconds)}" if seconds > 0 else "now"
    if seconds > 86_400:
        return f"at {clock(seconds, now)}"
    return f"at {clock(seconds, now)} ({duration(seconds)})"


def clock(seconds: float, now: datetime) -> str:
    """Return what the clock shows so many seconds after ``now``, with the day if it is another one."""
    then = now + timedelta(seconds=seconds)
    if then.date() == now.date():
        return f"{then:%H:%M}"
    return f"{then:%a %H:%M}" if seconds < 6 * 86_400 else f"{then:%Y-%m-%d %H:%M}"


def why(task: TaskRow, now: datetime) -> str | None:
    """Return what the task does, why it waits, or what went wrong. It counts down without asking the database.

    The time comes first, so that a narrow column does not cut it off.
    """
    if task.silent_s is not None and task.silent_s >= SILENCE:
        return f"silent for {duration(task.silent_s)}: {task.activity or 'no output'}"
    if task.status != "queued" or task.waits_s is None:
        said = remark(task)
        return said and _PLACE.sub(r"\1", said)
    return f"{_begin(task, now)}{_after(task)}"


def why_alike(tasks: "list[TaskRow]", now: datetime) -> str | None:
    """Return why many tasks of one :func:`kind` wait, in one sentence."""
    first = min(tasks, key=lambda task: task.waits_s or 0.0)
    if first.waits_s is not None:
        said = {why(task, now) for task in (first, max(tasks, key=lambda task: task.waits_s or 0.0))}
        begins = "" if len(said) == 1 else "the first "
        return f"{begins}{_begin(first, now)}{_after(first)}"
    sentences = {remark(task) for task in tasks}
    if len(sentences) == 1:
        return why(first, now)
    if all(sentence and _PLACE.match(sentence) for sentence in sentences):
        return "wait for their turn"
    return _NUMBER.sub("…", why(first, now) or "")


def kind(task: TaskRow) -> str:
    """Return the same text for tasks of the same state that wait for the same, whatever numbers their reasons have."""
    if task.waits_s is not None:
        return f"{task.wait_reason}\n{_after(task)}"
    return f"{state_of(task)}\n{_NUMBER.sub('#', remark(task) or '')}"


def _begin(task: TaskRow, now: datetime) -> str:
    when = moment(task.waits_s or 0.0, now)
    match task.wait_reason:
        case "retry":
            return f"again {when}"
        case "scheduled":
            return f"starts {when}"
        case _:  # until a limit or a budget ends
            return when.replace("at ", "until ", 1) if when.startswith("at ") else f"again {when}"


def _after(task: TaskRow) -> str:
    match task.wait_reason:
        case "retry":
            return f", after: {task.error_message or task.error_class}"
        case "limit":
            return f": usage limit of {task.group_name or 'its account'}"
        case "budget":
            return ": the budget of the day is spent"
        case _:
            return ""


def group_words(group: GroupRow, now: datetime) -> str:
    """Return ``open``, ``full``, or what stops the group, until when and why."""
    words = group.state
    if group.cooldown_s is not None and group.state == "cooling":
        words = f"cooling until {clock(group.cooldown_s, now)}, {duration(group.cooldown_s)}"
    elif group.cooldown_s is not None and group.state == "overloaded":
        words = f"overloaded, next try in {duration(group.cooldown_s)}"
    return f"{words} ({group.reason})" if group.reason else words
