"""What happens to a request before a handler sees it: its path is read, and what it would misread is refused.

That is: a body of another media type, and a parameter of the query that it would not notice.
"""

from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import msgspec
from litestar.connection import Request
from litestar.datastructures import State
from litestar.enums import MediaType, ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from dispatcher.api.caller import ApiRequest
from dispatcher.api.problems import HttpError
from dispatcher.errors import UsageError

_SLASH = "\x1f"
"""Stands for a slash within a part of a path: a control character, which no address has for itself."""


class PathParts:
    """ASGI middleware around the routes: a slash that is written as %2F belongs to a name, and divides nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path", b"")
        if scope["type"] == ScopeType.HTTP and b"%2f" in raw.lower():
            escaped = raw.partition(b"?")[0].replace(b"%2F", b"%1F").replace(b"%2f", b"%1F")
            scope["path"] = unquote(escaped.decode("latin-1"))
        await self._app(scope, receive, send)


def whole_names(app: ASGIApp) -> ASGIApp:
    """Return what calls the handler of a route with the slashes that :class:`PathParts` kept within names."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        for name, part in scope.get("path_params", {}).items():
            if isinstance(part, str) and _SLASH in part:
                scope["path_params"][name] = part.replace(_SLASH, "/")
        await app(scope, receive, send)

    return call


class StrictRequest(Request[None, None, State]):
    """Reads a body as its description says: Litestar alone would take 0 for false, and the text "5" for a number."""

    async def json(self) -> Any:
        """Return the body. Raises :class:`UsageError` for a value of another type than the route names."""
        declared = self.route_handler.parsed_data_field
        body = await self.body()
        if body and declared is not None:
            try:
                msgspec.json.decode(body, type=declared.annotation, strict=True)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise UsageError(f"the body is not valid: {error}") from error
        return await super().json()


async def require_known(request: ApiRequest) -> None:
    """Refuse a body of a media type, or a parameter in the query, that the route does not know.

    Raises :class:`HttpError`, :class:`UsageError`.
    """
    _require_media_type(request)
    _require_parameters(request)


def _require_media_type(request: ApiRequest) -> None:
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    taken = request.route_handler.opt.get("takes", (MediaType.JSON,))
    media_type, _ = request.content_type
    if media_type not in taken:
        raise HttpError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"{media_type!r} is not a media type that this route takes: expected {', '.join(taken)}",
            hint="the header Content-Type names it",
        )


def _require_parameters(request: ApiRequest) -> None:
    """A misspelt parameter must not select everything."""
    if not request.scope["query_string"]:
        return
    path = (request.app.openapi_schema.paths or {}).get(request.scope["path_template"])
    operation = getattr(path, request.method.lower(), None)
    known = {
        parameter.name
        for parameter in (operation and operation.parameters) or ()
        if getattr(parameter, "param_in", None) == "query"
    }
    unknown = known and [name for name in request.query_params if name not in known]
    if unknown:
        raise UsageError(
            f"{unknown[0]!r} is not a parameter of this route: expected {', '.join(sorted(known))}"
        )
