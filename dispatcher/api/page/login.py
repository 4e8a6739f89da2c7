"""Logging in: a token becomes a session, in a cookie that no script reads and that no other site's request carries."""

import hmac
import secrets
import sys
import time
from http import HTTPStatus
from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect, Template

from dispatcher import tokens
from dispatcher.api.caller import LONGEST_TOKEN, ApiRequest, caller_of, session_of
from dispatcher.api.door import FROM_ANYBODY
from dispatcher.api.page.frame.addresses import START, go_to, own_address
from dispatcher.api.page.frame.forms import form_of
from dispatcher.api.session_cookie import FORMER, SECONDS, SessionCookie
from dispatcher.errors import ForbiddenError, UnauthorizedError
from sql import api_calls, calls

LINK_SECONDS = 3600.0
"""How long the link that `dispatcher serve` prints can be used."""
LARGEST_LOGIN = 16 * 2**10
"""Bytes of the form, which whoever is not known yet may send."""


class LoginLink:
    """A link for the person at the terminal of the server: it logs in once."""

    def __init__(self, lifetime_s: float = LINK_SECONDS) -> None:
        self._lifetime_s = lifetime_s
        self._hash: bytes | None = None
        self._until = 0.0

    def make(self, url: str) -> str:
        """Return a new link to the page at ``url``; the one before is void."""
        code = secrets.token_urlsafe(32)
        self._hash, self._until = tokens.hashed(code), time.monotonic() + self._lifetime_s
        return f"{url}/ui/login?code={code}"

    def use(self, code: str) -> bool:
        """Return whether this code is the one of the link, and void it then."""
        if self._hash is None or not hmac.compare_digest(self._hash, tokens.hashed(code)):
            return False
        self._hash = None
        return time.monotonic() < self._until

    def print_on_terminal(self, url: str) -> None:
        """Print a new link if standard error is a terminal: elsewhere it would be kept in a log."""
        if sys.stderr.isatty() and url.startswith("http"):
            sys.stderr.write(f"\nOpen the page (this link works once, for an hour):\n  {self.make(url)}\n\n")


@get("/login")
async def login_page(
    request: ApiRequest,
    code: str | None = None,
    next: str | None = None,  # noqa: A002 - the word of such links
) -> Template | Redirect:
    """Show the form. With the ``code`` of the link that `dispatcher serve` printed, log in at once."""
    back = own_address(next)
    if code is None:
        return _form(back)
    if request.headers.get("sec-purpose", "").startswith("prefetch"):
        return _form(back)  # the browser guesses that somebody may open the link
    if request.app.state.login_link.use(code):
        return await _log_in_by_link(request)
    if await _is_logged_in(request):
        return go_to(START)  # the person opened the link again
    return _form(
        back, "this link was used already, or has expired: `dispatcher serve` prints a new one when it starts"
    )


@post("/login", opt={FROM_ANYBODY: LARGEST_LOGIN})
async def log_in(request: ApiRequest) -> Template | Redirect:
    """Log in with the token that was typed."""
    form = await form_of(request)
    token = form.text("token").strip()[:LONGEST_TOKEN]
    back = own_address(form.text("next"))
    response = go_to(back)
    try:
        await _start_session(request, response, tokens.hashed(token))
    except UnauthorizedError as error:
        return _form(back, error.with_hint)
    return response


@post("/logout", opt={FROM_ANYBODY: LARGEST_LOGIN})
async def log_out(request: ApiRequest) -> Redirect:
    """End the session, so that nobody who copied the cookie has anything of it, and take the cookie back."""
    await _end_session(request)
    response = go_to("/ui/login")
    cookie: SessionCookie = request.app.state.cookie
    response.set_cookie(cookie.taken_back())
    if FORMER in request.cookies:
        response.delete_cookie(FORMER)
    return response


async def _log_in_by_link(request: ApiRequest) -> Template:
    token = tokens.hashed(tokens.new_token())  # which nobody knows: its session alone acts as it, and ends it
    name = f"page-{secrets.token_hex(8)}"
    response = Template("welcome.html", context={})
    try:
        await request.app.state.gateway.own_call(calls.add_token(name, token, "admin", expires_in_s=SECONDS))
    except ForbiddenError as error:
        return _form(START, f"the login of `dispatcher serve` may make no token: {error.with_hint}")
    await _start_session(request, response, token, owns_token=True)
    # The cookie would not go with a redirect when another site's page, such as a terminal in the browser, held the
    # link. So a page of ours leads on.
    return response


async def _start_session(
    request: ApiRequest, response: Response[Any], token: bytes, *, owns_token: bool = False
) -> None:
    """Let the browser act as a token, and no more as the one before. Raises :class:`UnauthorizedError`."""
    session = tokens.new_session()
    start = api_calls.start_session(tokens.hashed_session(session), token, owns_token=owns_token)
    await request.app.state.gateway.own_call(start)
    await _end_session(request)
    cookie: SessionCookie = request.app.state.cookie
    response.set_cookie(cookie.holding(session))
    if FORMER in request.cookies:
        response.delete_cookie(FORMER)


async def _end_session(request: ApiRequest) -> None:
    session = session_of(request)
    if session is not None:
        await request.app.state.gateway.own_call(api_calls.end_session(session))


async def _is_logged_in(request: ApiRequest) -> bool:
    try:
        await caller_of(request).acting()
    except UnauthorizedError:
        return False
    return True


def _form(back: str, problem: str | None = None) -> Template:
    status = HTTPStatus.OK if problem is None else HTTPStatus.UNAUTHORIZED
    return Template("login.html", context={"back": back, "problem": problem}, status_code=status)


ROUTES = (login_page, log_in, log_out)
