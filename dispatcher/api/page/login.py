"""Logging in: a token becomes a cookie, which no script reads and no other site's request carries."""

import hmac
import re
import secrets
import sys
import time
from http import HTTPStatus

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect, Template

from dispatcher import tokens
from dispatcher.api.caller import COOKIE, LONGEST_TOKEN, ApiRequest, token_of
from dispatcher.api.door import FROM_ANYBODY
from dispatcher.api.page.frame.addresses import START, go_to, own_address
from dispatcher.api.page.frame.forms import form_of
from dispatcher.configuration.sections.service import ApiSettings
from dispatcher.errors import ForbiddenError, UnauthorizedError
from sql import api_calls, calls
from sql.rows.api import Acting

LINK_SECONDS = 3600.0
"""How long the link that `dispatcher serve` prints can be used."""
LARGEST_LOGIN = 16 * 2**10
"""Bytes of the form, which whoever is not known yet may send."""
DAYS = 30
"""How long the browser stays logged in."""
_PAGE_TOKEN = re.compile(r"page-[0-9a-f]{16}")
"""Names of tokens that a link made. Logging out removes them; other tokens are the person's own."""


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
    token = form.text("token").strip()
    back = own_address(form.text("next"))
    try:
        await _acting(request, token)
    except UnauthorizedError as error:
        return _form(back, error.with_hint)
    response = go_to(back)
    response.set_cookie(_cookie(request, token))
    return response


@post("/logout", opt={FROM_ANYBODY: LARGEST_LOGIN})
async def log_out(request: ApiRequest) -> Redirect:
    """Forget the cookie, and remove the token if it was made for this browser."""
    try:
        acting = await _acting(request, token_of(request) or "")
        if _PAGE_TOKEN.fullmatch(acting.name):
            await request.app.state.gateway.own_call(calls.remove_token(acting.name))
    except UnauthorizedError:
        pass
    response = go_to("/ui/login")
    response.delete_cookie(COOKIE)
    return response


async def _log_in_by_link(request: ApiRequest) -> Template:
    token = tokens.new_token()
    name = f"page-{secrets.token_hex(8)}"
    make = calls.add_token(name, tokens.hashed(token), "admin", expires_in_s=DAYS * 86_400.0)
    try:
        await request.app.state.gateway.own_call(make)
    except ForbiddenError as error:
        return _form(START, f"the login of `dispatcher serve` may make no token: {error.with_hint}")
    # The cookie would not go with a redirect when another site's page, such as a terminal in the browser, held the
    # link. So a page of ours leads on.
    return Template("welcome.html", context={}, cookies=[_cookie(request, token)])


async def _acting(request: ApiRequest, token: str) -> Acting:
    """Return what a token may. Raises :class:`UnauthorizedError`."""
    acting: Acting = await request.app.state.gateway.own_call(
        api_calls.act_as(tokens.hashed(token[:LONGEST_TOKEN]))
    )
    return acting


async def _is_logged_in(request: ApiRequest) -> bool:
    try:
        await _acting(request, token_of(request) or "")
    except UnauthorizedError:
        return False
    return True


def _form(back: str, problem: str | None = None) -> Template:
    status = HTTPStatus.OK if problem is None else HTTPStatus.UNAUTHORIZED
    return Template("login.html", context={"back": back, "problem": problem}, status_code=status)


def _cookie(request: ApiRequest, token: str) -> Cookie:
    api: ApiSettings = request.app.state.settings.api
    return Cookie(
        COOKIE,
        value=token,
        httponly=True,
        samesite="strict",
        secure=api.behind_proxy or api.tls_key is not None,
        max_age=DAYS * 86_400,
    )


ROUTES = (login_page, log_in, log_out)
