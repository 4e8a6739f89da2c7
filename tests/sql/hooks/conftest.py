"""Hooks in a database, and a receiver that the test plays."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.sql.client import Client

ALL = (
    "task.started", "task.finished", "task.failed", "task.canceled", "task.waiting", "task.question", "task.approval",
    "group.paused", "group.cooled", "budget.80", "workflow.done",
)  # fmt: skip

PutHook = Callable[..., None]


class Sent(NamedTuple):
    """What take_deliveries() gave."""

    number: int
    attempt: int
    hook: str
    event: str
    type: str
    payload: dict[str, Any]


class Receiver:
    """One dispatcher that delivers; ``due_s`` is what the last look returned."""

    def __init__(self, db: Client, hooks: Sequence[str] = ("tell",)) -> None:
        self.db = db
        self.id: UUID = db.dispatcher()
        self.hooks = hooks
        self.due_s: float | None = None

    def take(self, most: int = 100) -> list[Sent]:
        room = {hook: {"most": most, "lease_s": 60} for hook in self.hooks}
        answer: Any = self.db.value("select take_deliveries(%s, %s, %s)", self.id, Jsonb(room), most)
        self.due_s = answer["next_due_s"]
        return [Sent(**{key: given[key] for key in Sent._fields}) for given in answer["deliveries"]]

    def end(self, sent: Sent, outcome: str = "delivered", **more: object) -> None:
        self.db.run(
            "select finish_delivery(%s, %s, %s, %s, %s, %s)",
            self.id, sent.number, sent.attempt, outcome, more.get("detail"), more.get("retry_after_s"),
        )  # fmt: skip

    def hear(self) -> list[str]:
        """Take and deliver all that is due, and return the types in order."""
        heard = []
        while taken := self.take():
            for sent in taken:
                self.end(sent)
                heard.append(sent.type)
        return heard


@pytest.fixture
def put(db: Client) -> PutHook:
    """Makes one hook the only one of host here; that of the name `tell` hears everything unless told otherwise."""

    def put_one(name: str = "tell", events: Sequence[str] = ALL, host: str = "here", **more: object) -> None:
        hook = {"name": name, "kind": "command", "target": "cat", "events": events, **more}
        db.run("select put_hooks(%s, %s)", host, Jsonb([hook]))

    return put_one


@pytest.fixture
def receiver(wide: Client, put: PutHook) -> Receiver:
    put()
    return Receiver(wide)
