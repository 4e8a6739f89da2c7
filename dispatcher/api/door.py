"""Who comes in: a body is read only once it is known whose it is, and then at most as much as its sender may send."""

from typing import Final

import trio
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler

from dispatcher.api.arrival import SMALL, Room, arrival_of
from dispatcher.api.caller import Caller, caller_of
from dispatcher.configuration.sections.service import ApiSettings

FROM_ANYBODY: Final = "takes_from_anybody"
"""A route's ``opt``: the bytes that it takes from those that it does not know yet."""
TAKES_TASKS: Final = "takes_tasks"
"""A route's ``opt``: whether its body may hold prompts and files."""
BODILESS = ("GET", "HEAD", "OPTIONS")
KNOWN_SECONDS = 60.0
"""For how long it is believed that a token may send a body. The call that it makes asks again."""
MOST_KNOWN = 1_000
UNKNOWN_BYTES = 16 * 2**20
"""The bytes that large bodies of unknown senders hold at a time, all of them together."""
AT_A_TIME = 2
"""As many bodies of the largest size may be in memory at a time."""


class Door:
    """What is known of those who send bodies, and the room that these have."""

    def __init__(self, settings: ApiSettings) -> None:
        self.most = settings.max_request_bytes
        self.room = Room(AT_A_TIME * self.most)
        self.room_of_unknown = Room(UNKNOWN_BYTES)
        self._known: dict[bytes, tuple[str, float]] = {}

    async def role_of(self, caller: Caller) -> str:
        """Return the role of a token, which is remembered. Raises like :meth:`Caller.acting`."""
        role, until = self._known.get(caller.token, ("", 0.0))
        if trio.current_time() < until:
            return role
        role = (await caller.acting()).role
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[caller.token] = role, trio.current_time() + KNOWN_SECONDS
        return role


async def admit(
    connection: ASGIConnection[BaseRouteHandler, None, None, State], handler: BaseRouteHandler
) -> None:
    """A guard of all routes.

    Raises :class:`dispatcher.errors.UnauthorizedError` for a body without a valid token, and
    :class:`dispatcher.api.problems.HttpError` for one that is too large.
    """
    arrival = arrival_of(connection.scope)
    if arrival.complete or connection.scope.get("method") in BODILESS:
        return
    door: Door = connection.app.state.door
    if from_anybody := handler.opt.get(FROM_ANYBODY):
        arrival.admit(from_anybody, door.room_of_unknown)
        return
    takes_tasks = await door.role_of(caller_of(connection)) != "reader" and handler.opt.get(TAKES_TASKS)
    arrival.admit(door.most if takes_tasks else min(door.most, SMALL), door.room)
