"""`POST /hooks/NAME`: a request of a forge that queues a task. A signature proves who it is, and no token."""

from http import HTTPStatus
from typing import Annotated

import structlog
from litestar import post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import Parameter
from msgspec import Struct

from dispatcher.api.answers import Answer
from dispatcher.api.caller import ApiRequest
from dispatcher.api.door import FROM_ANYBODY
from dispatcher.api.problems import HttpError, documented
from dispatcher.errors import DatabaseError, NotFoundError, UnauthorizedError, UsageError
from dispatcher.hooks import inbound
from dispatcher.host.threads import in_thread
from dispatcher.run.preparation import environment
from sql import calls

log = structlog.get_logger()

MOST_BYTES = 5 * 2**20


class Received(Struct, frozen=True):
    """The task that a request became.

    ``number`` is null when the hook is not about such a request. ``created`` is false when the delivery was known.
    """

    number: int | None
    created: bool


class ReceiveOperation(Operation):
    """Describes the body of :func:`receive`, whose signature is over its bytes."""

    def __post_init__(self) -> None:
        body = OpenAPIMediaType(schema=Schema(type=OpenAPIType.OBJECT, description="What the forge sends."))
        self.request_body = RequestBody(required=True, content={"application/json": body})


@post(
    "/hooks/{name:str}",
    summary="Queue a task for a signed request of a forge",
    tags=["hooks"],
    operation_class=ReceiveOperation,
    opt={"open": True, FROM_ANYBODY: MOST_BYTES},
    security=[{}],
    status_code=HTTPStatus.ACCEPTED,
    responses=documented(
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    ),
)
async def receive(
    request: ApiRequest, name: Annotated[str, Parameter(description="One of inbound_hooks in config.yaml.")]
) -> Answer[Received]:
    """A delivery that is sent again queues nothing again: its id is the idempotency key of the task."""
    hook = request.app.state.settings.inbound_hooks.get(name)
    if hook is None:
        raise NotFoundError("there is no such hook: inbound_hooks in config.yaml names them")
    headers = {key.lower(): value for key, value in request.headers.items()}
    body = await request.body()
    try:
        secret = await in_thread(environment.resolve, "secret", hook.secret)
    except (environment.SecretError, OSError) as error:
        log.error("the secret of an inbound hook cannot be read", hook=name, error=str(error))
        raise DatabaseError("the secret of this hook cannot be read; the log of the API says more") from None
    if not inbound.is_signed(hook.kind, secret, headers, body):
        raise UnauthorizedError("the request is not signed with the secret of this hook")
    try:
        task = inbound.task_of(name, hook, headers, body)
        if task is None:
            return Answer(Received(None, False), status_code=HTTPStatus.ACCEPTED)
        [submitted] = await request.app.state.gateway.own_call(calls.submit_tasks([task]))
    except (inbound.BadRequestError, UsageError) as error:
        raise HttpError(HTTPStatus.UNPROCESSABLE_ENTITY, "LD400", str(error)) from error
    return Answer(Received(submitted.number, submitted.created), status_code=HTTPStatus.ACCEPTED)


ROUTES = (receive,)
