"""Errors as `application/problem+json` (RFC 9457), with the sentence that the command line prints.

``type`` is stable: `urn:llmctl:` and the SQLSTATE of the SQL functions, or a word for what only HTTP knows.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.openapi import ResponseSpec
from msgspec import Struct
from msgspec.structs import replace

from dispatcher.api.caller import ApiRequest
from dispatcher.errors import (
    DatabaseError,
    DispatchError,
    ForbiddenError,
    NotFoundError,
    SupersededError,
    UnauthorizedError,
    UsageError,
    WrongStateError,
)
from dispatcher.workspaces.stored_files import FileElsewhereError

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"


class Words(NamedTuple):
    """What this program calls a status: Python's own words for one change with its version (413, 416, 422)."""

    title: str
    name: str
    """The end of ``type``, where no function of SQL says another one."""
    when: str


STATUSES = {
    400: Words("Bad Request", "LD400", "The request is not understood, or a value of it is not valid."),
    401: Words("Unauthorized", "LD401", "There is no token, or it is unknown or has expired."),
    403: Words(
        "Forbidden", "forbidden", "The token may not do this, or a page of another site sent the request."
    ),
    404: Words(
        "Not Found", "not-found", "It does not exist, or it belongs to a tenant that the token does not see."
    ),
    405: Words("Method Not Allowed", "method-not-allowed", "The path does not have this method."),
    408: Words("Request Timeout", "request-timeout", "The body comes too slowly."),
    409: Words("Conflict", "LD409", "Its state does not allow this."),
    410: Words("Gone", "output-deleted", "It was there and has been deleted."),
    413: Words(
        "Request Entity Too Large",
        "request-entity-too-large",
        "The body is larger than this request and token may send.",
    ),
    415: Words(
        "Unsupported Media Type",
        "unsupported-media-type",
        "The body is of a media type that this route does not take.",
    ),
    416: Words(
        "Range Not Satisfiable", "range-not-satisfiable", "The file is shorter than the range begins."
    ),
    422: Words(
        "Unprocessable Entity", "LD422", "A task with this idempotency key has another tool, model or prompt."
    ),
    500: Words(
        "Internal Server Error",
        "internal",
        "The request failed in a way that nobody foresaw; the log of the API says more.",
    ),
    503: Words(
        "Service Unavailable",
        "database",
        "The database is not available now, or too many large requests are under way.",
    ),
}
"""Each status that a request can fail with."""


class Problem(Struct, frozen=True, omit_defaults=True):
    """What a request that failed returns.

    ``detail`` is one sentence, and ``hint`` says what to do, if ``detail`` does not. ``task`` is the place, from 1, of
    the first bad task of a batch; ``number`` is the task that has the same idempotency key.
    """

    type: str
    title: str
    status: int
    detail: str
    hint: str | None = None
    task: int | None = None
    number: int | None = None


class HttpError(DispatchError):
    """A problem that only HTTP knows, such as a header that contradicts the body. ``number`` is one of a task."""

    def __init__(
        self,
        status: HTTPStatus,
        name: str,
        message: str,
        *,
        hint: str | None = None,
        number: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.name = name
        self.number = number
        self.headers = headers or {}


class RefusedTaskError(DispatchError):
    """Nothing of a batch is queued, since the database refuses the task at ``place`` (from 1) with ``error``."""

    def __init__(self, error: DispatchError, place: int) -> None:
        super().__init__(f"task {place}: {error}", hint=error.hint)
        self.error = error
        self.place = place


_KINDS: tuple[tuple[type[DispatchError], HTTPStatus, str], ...] = (
    (UnauthorizedError, HTTPStatus.UNAUTHORIZED, "LD401"),
    (ForbiddenError, HTTPStatus.FORBIDDEN, "forbidden"),
    (NotFoundError, HTTPStatus.NOT_FOUND, "LD404"),
    (FileElsewhereError, HTTPStatus.NOT_FOUND, "file-elsewhere"),
    (SupersededError, HTTPStatus.CONFLICT, "LD410"),
    (WrongStateError, HTTPStatus.CONFLICT, "LD409"),
    (UsageError, HTTPStatus.BAD_REQUEST, "LD400"),
    (DatabaseError, HTTPStatus.SERVICE_UNAVAILABLE, "database"),
)
"""The first that fits counts."""


def problem_of(error: DispatchError) -> Problem:
    """Return an error of ours as a problem."""
    if isinstance(error, HttpError):
        return replace(named(error.status, str(error), name=error.name, hint=error.hint), number=error.number)
    if isinstance(error, RefusedTaskError):
        problem = problem_of(error.error)
        return replace(problem, detail=str(error), task=error.place)
    fitting = ((status, name) for kind, status, name in _KINDS if isinstance(error, kind))
    status, name = next(fitting, (HTTPStatus.INTERNAL_SERVER_ERROR, "internal"))
    return named(status, str(error), name=name, hint=error.hint)


def named(status: int, detail: str, *, name: str | None = None, hint: str | None = None) -> Problem:
    """Return a problem with the title of its status, and the type ``name`` or else what its status is called."""
    words = STATUSES.get(status) or Words(f"HTTP {status}", f"http-{status}", "")
    return Problem(f"urn:llmctl:{name or words.name}", words.title, status, detail, hint)


def documented(*more: HTTPStatus) -> dict[int, ResponseSpec]:
    """Return the problems of a route for its description: those that each has, and ``more``."""
    always = (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
    return {
        status.value: ResponseSpec(
            Problem, generate_examples=False, description=STATUSES[status].when, media_type=MEDIA_TYPE
        )
        for status in sorted({*always, *more})
    }


def respond_to_error(request: ApiRequest, error: DispatchError) -> Response[Problem]:
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("a request failed", path=request.scope["path"], error=error.with_hint)
    response = _response(problem)
    if isinstance(error, HttpError):
        response.headers.update(error.headers)
    return response


def respond_to_http_error(_: ApiRequest, error: HTTPException) -> Response[Problem]:
    """Respond to what Litestar finds: a route that does not exist, a body that does not fit its type, …"""
    found = "; ".join(_complaint(one) for one in error.extra) if isinstance(error.extra, list) else ""
    problem = named(error.status_code, found or error.detail.strip())
    response = _response(problem if problem.detail else replace(problem, detail=problem.title))
    response.headers.update(error.headers or {})
    return response


def respond_to_bug(request: ApiRequest, error: Exception) -> Response[Problem]:
    """Respond to an error that nobody foresaw: it is logged, and nothing of it leaves."""
    log.error("a request failed unexpectedly", path=request.scope["path"], exc_info=error)
    return _response(
        named(HTTPStatus.INTERNAL_SERVER_ERROR, "the request failed; the log of the API says more")
    )


def _complaint(found: object) -> str:
    if not isinstance(found, dict):
        return str(found)
    where = ".".join(str(found[key]) for key in ("source", "key") if found.get(key))
    return f"{where}: {found.get('message')}" if where else str(found.get("message"))


def _response(problem: Problem) -> Response[Problem]:
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == HTTPStatus.UNAUTHORIZED else {}
    return Response(
        problem,
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )
