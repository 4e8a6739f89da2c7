"""`/openapi.json`: the description of the API, which programs read."""

from typing import Any

from litestar import get

from dispatcher.api.caller import ApiRequest


@get(
    "/openapi.json",
    summary="Describe the API (OpenAPI 3.1)",
    tags=["health"],
    opt={"open": True},
    sync_to_thread=False,
)
def describe(request: ApiRequest) -> dict[str, Any]:
    return request.app.openapi_schema.to_schema()


ROUTES = (describe,)
