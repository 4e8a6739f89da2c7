"""`/openapi.json`: the description of the API, which programs read."""

from typing import Any

import msgspec
from litestar import get

from dispatcher.api.caller import ApiRequest
from dispatcher.api.routes.bodies import NewTries

_, _READ_BY_US = msgspec.json.schema_components((NewTries,), ref_template="#/components/schemas/{name}")
"""The types of bodies that no handler declares, because it reads them by itself."""


@get(
    "/openapi.json",
    summary="Describe the API (OpenAPI 3.1)",
    tags=["health"],
    opt={"open": True},
    security=[{}],
    sync_to_thread=False,
)
def describe(request: ApiRequest) -> dict[str, Any]:
    description = request.app.openapi_schema.to_schema()
    description["components"]["schemas"] |= _READ_BY_US
    return description


ROUTES = (describe,)
