"""Each test has a database of its own, with nothing in it but the seeded tools and limits."""

from collections.abc import Iterator

import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock


@pytest.fixture
def db(database: str) -> Iterator[Client]:
    """A session in a fresh database; ``db.another()`` opens more of them."""
    with Client(database) as client:
        yield client


@pytest.fixture
def time(db: Client) -> Clock:
    """The time of day in that database stands still until the test moves it."""
    return Clock(db)


@pytest.fixture
def wide(db: Client) -> Client:
    """Plenty of slots, so that only what a test sets is a limit."""
    db.group("main", slots=1000)
    db.limit("tool:claude", 1000)
    return db
