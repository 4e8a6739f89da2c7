"""What keeps other web sites away from us: a browser sends their requests to our address, too.

* A site may let its own name lead to our address (DNS rebinding): so the Host header must be a name of ours.
* A site may post a form to us: so an unsafe request that a browser sends must come from our own page. A browser says
  from where (Origin, Sec-Fetch-Site). Programs do not, so without either a request must bring its token in a header.
* A text of an agent may hold markup: the policy lets a page load nothing but our own files, and run no inline script.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from dispatcher.api.problems import named
from dispatcher.configuration.sections.service import ApiSettings

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",  # with no-referrer, browsers would send our own forms with `Origin: null`
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}
"""What each response has, unless its handler says otherwise."""


class BrowserSafety:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._hosts = {
            "localhost",
            "127.0.0.1",
            "::1",
            settings.host.lower(),
            *map(str.lower, settings.allowed_hosts),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message["headers"] = [*given, *(one for one in HEADERS.items() if one[0] not in names)]
            await send(message)

        refusal = self._refusal(scope["method"], Headers.from_scope(scope))
        if refusal is None:
            await self._app(scope, receive, send_safely)
        else:
            await _refuse(refusal, send_safely)

    def _refusal(self, method: str, headers: Headers) -> str | None:
        """Return why a request is refused, in one sentence; None if it is not."""
        host = _host_name(headers.get("host", ""))
        if host not in self._hosts:
            return (
                f"the host {host!r} is not a name of this server: api.allowed_hosts in config.yaml lists them"
            )
        if method in SAFE_METHODS:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and _authority(origin) != headers.get("host", "").lower():
            return f"a page of {origin} may not send this request"
        if site not in (None, "same-origin", "none"):
            return "a page of another site may not send this request"
        if origin is None and site is None and "cookie" in headers and "authorization" not in headers:
            return "a cookie counts only with a header Origin: programs send `Authorization: Bearer TOKEN`"
        return None


def _host_name(host: str) -> str:
    """Return the name in a Host header, without a port and without the brackets of an IPv6 address."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _authority(origin: str) -> str:
    """Return the name and port in an Origin header; nothing for `null`, which a sandboxed page sends."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


async def _refuse(reason: str, send: Send) -> None:
    status = HTTPStatus.FORBIDDEN
    body = msgspec.json.encode(named(status, reason))
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
