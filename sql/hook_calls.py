"""The SQL functions about hooks; see :mod:`sql.calls`. Those that take a dispatcher's id raise SQLSTATE ``LD410``."""

from collections.abc import Mapping, Sequence

import msgspec

from sql.call import NOTHING, Call, Reading, Rows, as_json, given, many, value
from sql.rows.hooks import DeliveryRow, HookRow, Outcome, PutHook, Taken


def put_hooks(host: str, hooks: Sequence[PutHook]) -> Call[None]:
    """Make the hooks of a host's config.yaml known; those that it named before and names no longer are removed."""
    return Call("put_hooks", {"host": host, "hooks": as_json(hooks)}, NOTHING)


def take_deliveries(
    dispatcher: str, room: Mapping[str, Mapping[str, float]], most: int | None = None
) -> Call[Taken]:
    """Take what is due of the hooks that have room: ``{"NAME": {"most": 2, "lease_s": 45}}``."""
    arguments = {"dispatcher": dispatcher, "room": as_json(room), **given(most=most)}
    return Call("take_deliveries", arguments, Reading("SELECT {}::text", _taken))


def finish_delivery(
    dispatcher: str,
    number: int,
    attempt: int,
    outcome: Outcome,
    detail: str | None = None,
    retry_after_s: float | None = None,
) -> Call[None]:
    """Say what came of an attempt."""
    arguments = {"dispatcher": dispatcher, "number": number, "attempt": attempt, "outcome": outcome}
    return Call(
        "finish_delivery", {**arguments, **given(detail=detail, retry_after_s=retry_after_s)}, NOTHING
    )


def list_hooks() -> Call[list[HookRow]]:
    return Call("list_hooks", {}, many(HookRow))


def list_deliveries(hook: str, most: int | None = None) -> Call[list[DeliveryRow]]:
    """Return the newest deliveries of a hook, the newest first; 20 unless told otherwise."""
    return Call("list_deliveries", {"hook": hook, **given(most=most)}, many(DeliveryRow))


def retry_hook(hook: str, event: str | None = None) -> Call[int]:
    """Tell a hook again what it was not told, or one event, and switch it on; returns how many deliveries it gets."""
    return Call("retry_hook", {"hook": hook, **given(event=event)}, value(int))


def test_hook(hook: str) -> Call[str]:
    """Tell a hook an event for a test; returns the id of the event."""
    return Call("test_hook", {"hook": hook}, value(str, "text"))


def prune_deliveries(keep_s: float, most: int | None = None) -> Call[int]:
    """Delete what was told longer ago, and drop the oldest of too many that are pending; returns how many."""
    return Call("prune_deliveries", {"keep_s": keep_s, **given(most=most)}, value(int))


def _taken(rows: Rows) -> Taken:
    return msgspec.json.decode(str(rows[0][0]), type=Taken)
