"""Tasks whose agents write down others, in a database with plenty of slots."""

from collections.abc import Callable, Mapping
from uuid import UUID

import pytest

from tests.sql.client import Client, Run

Finish = Callable[..., str]


@pytest.fixture
def db(wide: Client) -> Client:
    return wide


@pytest.fixture
def dispatcher(db: Client) -> UUID:
    return db.dispatcher()


@pytest.fixture
def run_of(db: Client, dispatcher: UUID) -> Callable[[int], Run]:
    """Claims all that is ready, and returns the run of a task."""
    claimed: dict[int, Run] = {}

    def run(number: int) -> Run:
        claimed.update({run.number: run for run in db.claim(dispatcher, 1000).runs})
        return claimed[number]

    return run


@pytest.fixture
def end(db: Client, dispatcher: UUID, run_of: Callable[[int], Run]) -> Finish:
    """Ends the run of a task; `rows` are what its agent wrote down."""

    def finish(number: int, *rows: Mapping[str, object], **report: object) -> str:
        spawn = [{"line": line, "task": {"prompt": "p", **row}} for line, row in enumerate(rows, 1)]
        [verdict] = db.finish_all(
            dispatcher, [{"run_id": run_of(number).id, "spawn": spawn, "cost_usd": 0, **report}]
        )
        return verdict

    return finish
