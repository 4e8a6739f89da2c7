"""`/metrics`: a scrape by Prometheus, with any token. A confined one gets the counts of its tenants."""

from litestar import Response, get
from litestar.enums import MediaType

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.metrics.exposition import render
from dispatcher.api.problems import documented
from sql import api_calls


@get(
    "/metrics",
    summary="Read all metrics, for Prometheus",
    tags=["metrics"],
    media_type=MediaType.TEXT,
    responses=documented(),
)
async def scrape(request: ApiRequest, caller: Caller) -> Response[bytes]:
    """Return Prometheus' text format, or OpenMetrics if the Accept header names it."""
    body, content_type = render(await caller.call(api_calls.metrics()), request.headers.get("accept", ""))
    return Response(body, headers={"content-type": content_type})


ROUTES = (scrape,)
