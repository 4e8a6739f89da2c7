"""Errors as pages, with the sentence that the command line prints."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.response import Template

from dispatcher.api import problems
from dispatcher.api.caller import ApiRequest
from dispatcher.api.page.frame.addresses import go_to, login_page
from dispatcher.errors import DispatchError, UnauthorizedError

log = structlog.get_logger()


def ask_to_log_in(request: ApiRequest, _: UnauthorizedError) -> Response[None]:
    """Lead to the login page, and from there back to where the person was."""
    url = request.scope["path"] + (f"?{query}" if (query := request.scope["query_string"].decode()) else "")
    address = login_page(url if request.method == "GET" else "/ui/")
    if "hx-request" in request.headers:  # the script would show the login page in place of a part of this one
        return Response(None, status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": address})
    return go_to(address)


def show_error(_: ApiRequest, error: DispatchError) -> Template:
    problem = problems.problem_of(error)
    return error_page(problem.status, problem.detail, problem.hint)


def show_http_error(request: ApiRequest, error: HTTPException) -> Template:
    problem = problems.respond_to_http_error(request, error).content
    return error_page(problem.status, problem.detail)


def show_bug(request: ApiRequest, error: Exception) -> Template:
    """Show that something failed that nobody foresaw: it is logged, and nothing of it leaves."""
    log.error("a page failed unexpectedly", path=request.scope["path"], exc_info=error)
    return error_page(HTTPStatus.INTERNAL_SERVER_ERROR, "the page failed; the log of the API says more")


def error_page(status: int, detail: str, hint: str | None = None) -> Template:
    """Return a page that says what is wrong, and what to do."""
    context = {"title": problems.named(status, detail).title, "detail": detail, "hint": hint}
    return Template("error.html", context=context, status_code=status)


HANDLERS: dict[int | type[Exception], Callable[..., Response[Any]]] = {
    UnauthorizedError: ask_to_log_in,
    DispatchError: show_error,
    HTTPException: show_http_error,
    Exception: show_bug,
}
