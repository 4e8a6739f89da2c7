"""Errors as `application/problem+json` (RFC 9457), with the sentence that the command line prints.

``type`` is stable: `urn:llmctl:` and the SQLSTATE of the SQL functions, or a word for what only HTTP knows.
"""

from http import HTTPStatus

import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from msgspec import Struct

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

log = structlog.get_logger()


class Problem(Struct, frozen=True, omit_defaults=True):
    """What a request that failed returns. ``hint`` says what to do, if ``detail`` does not."""

    type: str
    title: str
    status: int
    detail: str
    hint: str | None = None


class HttpError(DispatchError):
    """A problem that only HTTP knows, such as a header that contradicts the body."""

    def __init__(self, status: HTTPStatus, name: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.name = name


_KINDS: tuple[tuple[type[DispatchError], HTTPStatus, str], ...] = (
    (UnauthorizedError, HTTPStatus.UNAUTHORIZED, "LD401"),
    (ForbiddenError, HTTPStatus.FORBIDDEN, "forbidden"),
    (NotFoundError, HTTPStatus.NOT_FOUND, "LD404"),
    (SupersededError, HTTPStatus.CONFLICT, "LD410"),
    (WrongStateError, HTTPStatus.CONFLICT, "LD409"),
    (UsageError, HTTPStatus.BAD_REQUEST, "LD400"),
    (DatabaseError, HTTPStatus.SERVICE_UNAVAILABLE, "database"),
)
"""The first that fits counts."""


def problem_of(error: DispatchError) -> Problem:
    """Return an error of ours as a problem."""
    if isinstance(error, HttpError):
        status, name = error.status, error.name
    else:
        fitting = ((status, name) for kind, status, name in _KINDS if isinstance(error, kind))
        status, name = next(fitting, (HTTPStatus.INTERNAL_SERVER_ERROR, "internal"))
    return Problem(f"urn:llmctl:{name}", status.phrase, status, str(error), error.hint)


def respond_to_error(request: ApiRequest, error: DispatchError) -> Response[Problem]:
    problem = problem_of(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("a request failed", path=request.scope["path"], error=error.with_hint)
    return _response(problem)


def respond_to_http_error(_: ApiRequest, error: HTTPException) -> Response[Problem]:
    """Respond to what Litestar finds: a route that does not exist, a body that does not fit its type, …"""
    status = HTTPStatus(error.status_code)
    found = "; ".join(_complaint(one) for one in error.extra) if isinstance(error.extra, list) else ""
    detail = found or error.detail.strip() or status.phrase
    name = "LD400" if status == HTTPStatus.BAD_REQUEST else status.name.lower().replace("_", "-")
    response = _response(Problem(f"urn:llmctl:{name}", status.phrase, status, detail))
    response.headers.update(error.headers or {})
    return response


def respond_to_bug(request: ApiRequest, error: Exception) -> Response[Problem]:
    """Respond to an error that nobody foresaw: it is logged, and nothing of it leaves."""
    log.error("a request failed unexpectedly", path=request.scope["path"], exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _response(
        Problem(
            "urn:llmctl:internal", status.phrase, status, "the request failed; the log of the API says more"
        )
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
        media_type="application/problem+json",
        headers=headers,
    )
