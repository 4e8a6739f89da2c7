"""Hooks and their deliveries for people: pure functions of what the database returned."""

from collections.abc import Sequence

from cli.show.tables import Column
from cli.show.task_tables import when
from dispatcher.durations import duration
from sql.rows.hooks import DeliveryRow, HookRow

HOOKS: Sequence[Column[HookRow]] = (
    Column("NAME", lambda hook: hook.name),
    Column("TELLS", lambda hook: hook.target, elastic=True),
    Column("EVENTS", lambda hook: ", ".join(hook.events), elastic=True),
    Column("STATE", lambda hook: _state(hook), style=lambda hook: "red" if hook.disabled_reason else ""),
    Column("PENDING", lambda hook: str(hook.pending)),
    Column("DEAD", lambda hook: str(hook.dead), style=lambda hook: "red" if hook.dead else ""),
    Column("DROPPED", lambda hook: str(hook.dropped), spare=1),
    Column("LAST", lambda hook: hook.disabled_reason or hook.detail or "", elastic=True, spare=2),
)

DELIVERIES: Sequence[Column[DeliveryRow]] = (
    Column("AT", lambda delivery: when(delivery.at)),
    Column("EVENT", lambda delivery: delivery.type),
    Column("ABOUT", lambda delivery: delivery.subject.replace(":", " ", 1), elastic=True),
    Column(
        "STATE",
        lambda delivery: _delivered(delivery),
        style=lambda delivery: "red" if delivery.state == "dead" else "",
    ),
    Column("TRIES", lambda delivery: str(delivery.attempts)),
    Column("WHAT CAME OF IT", lambda delivery: delivery.detail or "", elastic=True),
)


def _state(hook: HookRow) -> str:
    if hook.disabled_reason is not None:
        return "disabled"
    if hook.resumes_in_s is not None:
        return f"again in {duration(hook.resumes_in_s)}"
    return "failing" if hook.failures else "on"


def _delivered(delivery: DeliveryRow) -> str:
    if delivery.due_in_s is None:
        return delivery.state
    return f"due in {duration(delivery.due_in_s)}" if delivery.due_in_s >= 1 else "due"
