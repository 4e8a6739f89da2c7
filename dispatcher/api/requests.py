"""What is refused before a handler sees it: bodies that it would misread, and parameters that it would not notice."""

from http import HTTPStatus

from litestar.enums import MediaType

from dispatcher.api.caller import ApiRequest
from dispatcher.api.problems import HttpError
from dispatcher.errors import UsageError


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
