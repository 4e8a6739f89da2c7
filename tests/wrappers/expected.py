"""`python -m tests.wrappers.expected CLI`: print what its preset makes of each recording, as for `expected.yaml`.

    ok: {answer: hello, tokens: [100, 50, 2], cost: 0.0001, session: true}
    write: {answer: done, tokens: [200, 100, 22], session: true, does: [edits report.md]}
    forbidden: {answer: I could not, denied: [runs ls]}
    throttled: {class: throttled, says: Rate limit reached, waits: true}

What is not named must not be there, except that a failure may have any message, and a run may cost anything.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import yaml

from tests.wrappers.record import RECORDED
from tests.wrappers.replay import RECORDINGS, replay
from wrappers.base import Activity, Waits


class Expected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a run comes to; ``tokens`` went in, came from a cache, came out, and ``cost`` is in dollars."""

    error_class: str | None = msgspec.field(default=None, name="class")
    says: str = ""
    """What the message of a failure must hold."""
    answer: str = ""
    tokens: tuple[int, int, int] | None = None
    cost: float | None = None
    session: bool = False
    does: tuple[str, ...] = ()
    """The activities, in their order."""
    denied: tuple[str, ...] = ()
    waits: bool = False
    """Whether the CLI said that it waits for its service."""


def expected_of(cli: str) -> Mapping[str, Expected]:
    text = (RECORDED / cli / "expected.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), dict[str, Expected])


def seen_in(recording: Path) -> Expected:
    """Return what a run came to, with all of its message."""
    outcome, events = replay(recording)
    usage, cost = outcome.usage, outcome.cost_usd
    return Expected(
        error_class=outcome.error_class,
        says=outcome.error_message or "",
        answer=outcome.final_text,
        tokens=None if usage is None else (usage.input, usage.cached_input, usage.output),
        cost=None if cost is None else round(cost, 6),
        session=outcome.session_id is not None,
        does=tuple(event.text for event in events if isinstance(event, Activity)),
        denied=tuple(outcome.denials),
        waits=any(isinstance(event, Waits) for event in events),
    )


def main() -> None:
    for recording in RECORDINGS:
        if recording.parent.name in sys.argv[1:]:
            seen = {recording.name: msgspec.to_builtins(seen_in(recording))}
            yaml.safe_dump(
                seen, sys.stdout, default_flow_style=None, width=10_000, allow_unicode=True, sort_keys=False
            )


if __name__ == "__main__":
    main()
