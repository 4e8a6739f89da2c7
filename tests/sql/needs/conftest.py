"""A dispatcher with plenty of slots, since what these tests are about is which tasks are ready."""

from uuid import UUID

import pytest

from tests.sql.client import Client


@pytest.fixture
def me(wide: Client) -> UUID:
    return wide.dispatcher()
