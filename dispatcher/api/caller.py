"""Whom a request acts for: the token that it brings in a header, or that of the session in the cookie of the page."""

from dataclasses import dataclass
from typing import Any, TypeVar

from litestar.connection import ASGIConnection, Request
from litestar.datastructures import State

from dispatcher.api.gateway import Gateway
from dispatcher.api.session_cookie import SessionCookie
from dispatcher.errors import UnauthorizedError
from dispatcher.tokens import hashed, hashed_session
from sql import api_calls
from sql.call import Call
from sql.rows.api import Acting

Result = TypeVar("Result")
ApiRequest = Request[None, None, State]
AnyRequest = ASGIConnection[Any, None, None, State]

LONGEST_TOKEN = 200


@dataclass(frozen=True)
class Caller:
    """Calls SQL functions in the name of one token or session; the database decides what it may do."""

    gateway: Gateway
    token: bytes
    """The hash of either."""

    async def call(self, call: Call[Result]) -> Result:
        """Make a call. Raises like :meth:`dispatcher.api.gateway.Gateway.call`."""
        return await self.gateway.call(self.token, call)

    async def acting(self) -> Acting:
        """Return the role and the tenants of the token. Raises like :meth:`call`."""
        return await self.call(api_calls.act_as(self.token))


def session_of(request: AnyRequest) -> bytes | None:
    """Return the hash of the session that a request brings in the cookie of this site; None if it brings none."""
    cookie: SessionCookie = request.app.state.cookie
    session = request.cookies.get(cookie.name)
    return hashed_session(session[:LONGEST_TOKEN]) if session else None


def _token_of(request: AnyRequest) -> bytes | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    return hashed(token[:LONGEST_TOKEN]) if token and scheme.lower() == "bearer" else None


def caller_of(request: AnyRequest) -> Caller:
    """Return the caller of a request. Raises :class:`UnauthorizedError` if it brings no token."""
    known_by = _token_of(request) or session_of(request)
    if known_by is None:
        raise UnauthorizedError(
            "this needs a token: send `Authorization: Bearer TOKEN`", hint="`llmctl token add` makes one"
        )
    return Caller(request.app.state.gateway, known_by)


async def provide_caller(request: ApiRequest) -> Caller:
    """Return what :func:`caller_of` does, to handlers that need a caller."""
    return caller_of(request)
