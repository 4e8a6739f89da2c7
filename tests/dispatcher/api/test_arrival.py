"""How bodies arrive: those that are large share a room."""

import pytest

from dispatcher.api import arrival
from dispatcher.api.arrival import Room
from dispatcher.api.problems import HttpError


async def test_large_bodies_wait_for_each_other_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "ROOM_SECONDS", 0.1)
    room = Room(10)
    await room.take(6)
    with pytest.raises(HttpError, match="too many large requests"):
        await room.take(5)
    room.give_back(1)
    await room.take(5)
