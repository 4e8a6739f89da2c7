"""`/tasks/N/runs/R/log`: what an agent printed, as bytes, or live as events."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Literal

from litestar import get
from litestar.datastructures import ResponseHeader
from litestar.openapi import ResponseSpec
from litestar.params import Parameter
from litestar.response import Stream
from litestar.types import ASGIApp

from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.live.log_feed import LogFeed, RunLog, from_event_id
from dispatcher.api.live.streams import EVENT_STREAM, SentEvent, TokenLife, nothing_more, streams_of
from dispatcher.api.problems import HttpError, documented
from dispatcher.api.routes.tasks import Number
from dispatcher.log_views import remarks, view_of
from sql import calls

OCTETS = "application/octet-stream"
NEXT = "Llmctl-Log-Next"

RunNumber = Annotated[int, Parameter(ge=1, le=2**31 - 1, description="The number of a run of the task.")]
Stdio = Annotated[
    Literal["stdout", "stderr", "setup", "check"],
    Parameter(query="stream", description="Which output: of the agent, or of its setup or check."),
]
From = Annotated[
    int,
    Parameter(
        query="from",
        ge=0,
        le=2**63 - 1,
        description="A position of the log: bytes as the agent printed them, before secrets were masked.",
    ),
]
View = Annotated[
    Literal["raw", "text"],
    Parameter(
        description="The bytes as they are stored, or what they mean for people, as `llmctl logs` prints it."
    ),
]
LastEventId = Annotated[
    str | None,
    Parameter(header="Last-Event-ID", required=False, description="Go on behind the event with this id."),
]


@get(
    "/tasks/{number:int}/runs/{run_no:int}/log",
    summary="Read what an agent printed",
    tags=["live"],
    status_code=HTTPStatus.OK,
    media_type=OCTETS,
    responses={
        **documented(HTTPStatus.NOT_FOUND, HTTPStatus.GONE),
        HTTPStatus.OK: ResponseSpec(
            bytes, generate_examples=False, description="The bytes as they are stored.", media_type=OCTETS
        ),
    },
    response_headers=[
        ResponseHeader(
            name=NEXT, description="The `from` of what comes next.", documentation_only=True, required=False
        )
    ],
)
async def read_log(
    caller: Caller, number: Number, run_no: RunNumber, stdio: Stdio = "stdout", start: From = 0
) -> Stream:
    """Send what is stored of a run's output by now, from a position on."""
    state = await caller.call(calls.log_state(str(number), run_no))
    _, stored = state.printed(stdio)
    if state.output_pruned_at is not None and stored:
        raise HttpError(HTTPStatus.GONE, "output-deleted", next(iter(remarks(state, stdio, shown_by=""))))
    return Stream(
        RunLog(caller, number, run_no, stdio).contents(start, stored),
        media_type=OCTETS,
        headers={
            NEXT: str(max(start, stored)),
            "Content-Disposition": f'attachment; filename="{number}-{run_no}-{stdio}.log"',
        },
    )


@get(
    "/tasks/{number:int}/runs/{run_no:int}/log/events",
    summary="Follow what an agent prints",
    tags=["live"],
    status_code=HTTPStatus.OK,
    media_type=EVENT_STREAM,
    responses={
        **documented(HTTPStatus.NOT_FOUND),
        HTTPStatus.OK: ResponseSpec(
            SentEvent, generate_examples=False, description="Server-sent events.", media_type=EVENT_STREAM
        ),
        HTTPStatus.NO_CONTENT: ResponseSpec(
            None,
            description="Last-Event-ID is that of the last event: nothing follows.",
            generate_examples=False,
        ),
    },
)
async def follow_log(
    request: ApiRequest,
    caller: Caller,
    number: Number,
    run_no: RunNumber,
    stdio: Stdio = "stdout",
    view: View = "raw",
    start: From = 0,
    last_event_id: LastEventId = None,
) -> ASGIApp:
    """Send an event `output` for each piece of a run's output, from its beginning or a position on.

    `id` is the position behind the piece: whoever comes back with it as Last-Event-ID gets the rest, and everything
    together is exactly what is stored. The data is `{"base64": …}`, or with `view=text` `{"text": …}`. The last event,
    `end`, comes when the run has ended and all is sent: `remarks` are those of `llmctl logs`. Other events are those of
    `/events`.
    """
    resumed = from_event_id(last_event_id)
    if resumed is None:
        return nothing_more
    position = start if last_event_id is None else resumed
    log = RunLog(caller, number, run_no, stdio)
    feed = LogFeed(log, position, TokenLife(caller), partial(view_of, raw=False) if view == "text" else None)
    return streams_of(request).respond(feed.read, number)


ROUTES = (read_log, follow_log)
