"""Whom a request acts for: the token that it brings, in a header or in the cookie of the page."""

from dataclasses import dataclass
from typing import Any, TypeVar

from litestar.connection import ASGIConnection, Request
from litestar.datastructures import State

from dispatcher.api.gateway import Gateway
from dispatcher.errors import UnauthorizedError
from dispatcher.tokens import hashed
from sql import api_calls
from sql.call import Call
from sql.rows.api import Acting

Result = TypeVar("Result")
ApiRequest = Request[None, None, State]
AnyRequest = ASGIConnection[Any, None, None, State]

COOKIE = "llmctl_token"
"""The cookie of the page holds the token itself; only the page's own requests carry it (SameSite=Strict)."""
LONGEST_TOKEN = 200


@dataclass(frozen=True)
class Caller:
    """Calls SQL functions in the name of one token; the database decides what it may do."""

    gateway: Gateway
    token: bytes

    async def call(self, call: Call[Result]) -> Result:
        """Make a call. Raises like :meth:`dispatcher.api.gateway.Gateway.call`."""
        return await self.gateway.call(self.token, call)

    async def acting(self) -> Acting:
        """Return the role and the tenants of the token. Raises like :meth:`call`."""
        return await self.call(api_calls.act_as(self.token))


def token_of(request: AnyRequest) -> str | None:
    """Return the token that a request brings, as it is written there; None if it brings none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()[:LONGEST_TOKEN]
    return request.cookies.get(COOKIE)


def caller_of(request: AnyRequest) -> Caller:
    """Return the caller of a request. Raises :class:`UnauthorizedError` if it brings no token."""
    secret = token_of(request)
    if not secret:
        raise UnauthorizedError(
            "this needs a token: send `Authorization: Bearer TOKEN`", hint="`llmctl token add` makes one"
        )
    return Caller(request.app.state.gateway, hashed(secret))


async def provide_caller(request: ApiRequest) -> Caller:
    """Return what :func:`caller_of` does, to handlers that need a caller."""
    return caller_of(request)
