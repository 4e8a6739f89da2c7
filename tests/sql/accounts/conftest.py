"""A dispatcher on a database whose tools have room for all that these tests submit."""

from uuid import UUID

import pytest

from tests.sql.client import Client
from tests.sql.clock import Clock


@pytest.fixture
def me(db: Client, time: Clock) -> UUID:
    db.limit("tool:claude", 100)
    return db.dispatcher()
