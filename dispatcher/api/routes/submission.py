"""`POST /tasks`: queue one task or many, or several tries at one."""

import base64
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, TypeVar

import msgspec
from litestar import post
from litestar.datastructures import ResponseHeader, UploadFile
from litestar.enums import MediaType, RequestEncodingType
from litestar.exceptions import ClientException
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import Parameter
from msgspec import Raw, Struct

from dispatcher.api.answers import Answer
from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.door import TAKES_TASKS
from dispatcher.api.problems import HttpError, RefusedTaskError, documented
from dispatcher.database.refusals import NUL, blames_a_task, holds_nul, place_of
from dispatcher.errors import DispatchError, UsageError
from sql import calls, change_calls
from sql.rows.people import Submitted

Decoded = TypeVar("Decoded")
Fields = dict[str, Raw]
IdempotencyKey = Annotated[
    str | None,
    Parameter(
        header="Idempotency-Key",
        required=False,
        description="The idempotency key of the task. A second request waits for the first, and queues nothing.",
    ),
]

JSON_LINES = ("application/jsonl", "application/x-ndjson")
_TASK = Reference(ref="#/components/schemas/NewTask")
_BODY = RequestBody(
    required=True,
    description="A task, or many: then all of them are queued or none.",
    content={
        MediaType.JSON: OpenAPIMediaType(
            schema=Schema(one_of=[_TASK, Schema(type=OpenAPIType.ARRAY, items=_TASK)])
        ),
        **{
            media_type: OpenAPIMediaType(
                schema=Schema(
                    type=OpenAPIType.STRING, description="A task a line.", content_media_type=media_type
                )
            )
            for media_type in JSON_LINES
        },
        RequestEncodingType.MULTI_PART: OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.OBJECT,
                required=["task"],
                properties={
                    "task": Schema(
                        type=OpenAPIType.STRING, content_media_type=MediaType.JSON, description="A task."
                    ),
                    "input": Schema(
                        type=OpenAPIType.ARRAY,
                        items=Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream"),
                        description="Input files; the file name of each is its path below the work directory.",
                    ),
                },
            )
        ),
    },
)


KNOWN = ResponseSpec(
    Submitted,
    generate_examples=False,
    description="The key was known already: this is the first task with it. Nothing is queued.",
)
LOCATION = ResponseHeader(
    name="Location", description="The path of the task.", documentation_only=True, required=False
)


class Batch(Struct, frozen=True):
    """What became of each task, in order. Where ``same`` is false, its key is another task's, and it is not queued."""

    items: list[Submitted]


class Tries(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of :func:`submit_tries`, of which SQL says what is wrong; :class:`NewTries` describes it."""

    task: Fields
    variants: list[Fields]
    pick: str | None = None
    judge: Fields | None = None


class TriesOperation(Operation):
    """Describes the body of :func:`submit_tries`, which it reads by itself."""

    def __post_init__(self) -> None:
        body = OpenAPIMediaType(schema=Reference(ref="#/components/schemas/NewTries"))
        self.request_body = RequestBody(required=True, content={MediaType.JSON: body})


class SubmitOperation(Operation):
    """Describes the bodies of :func:`submit`, which it reads by itself."""

    def __post_init__(self) -> None:
        self.request_body = _BODY


@post(
    "/tasks",
    summary="Queue one task or many",
    tags=["tasks"],
    operation_class=SubmitOperation,
    opt={TAKES_TASKS: True, "takes": (MediaType.JSON, *JSON_LINES, RequestEncodingType.MULTI_PART)},
    responses={
        **documented(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
        ),
        HTTPStatus.OK: KNOWN,
    },
    response_headers=[LOCATION],
)
async def submit(
    request: ApiRequest, caller: Caller, key: IdempotencyKey = None
) -> Answer[Submitted | Batch]:
    """Queue tasks. `Location` is the path of a single one; it is 200 instead of 201 if its key was known already.

    Of a batch, all tasks are queued or none; the problem names the first bad one in `task`, counted from 1.
    """
    media_type = request.content_type[0] or MediaType.JSON
    if media_type == RequestEncodingType.MULTI_PART:
        one = await _task_with_files(request)
    else:
        body = await request.body()
        if media_type in JSON_LINES:
            return Answer(await _submit_many(caller, _lines(body), key))
        if body.lstrip()[:1] == b"[":
            return Answer(await _submit_many(caller, _decoded(body, list[Raw]), key))
        one = _decoded(body, Fields)
    if key is not None:
        require_one_key(key, _decoded(one.get("idempotency_key", Raw(b"null")), object))
        one["idempotency_key"] = Raw(msgspec.json.encode(key))
    [submitted] = await caller.call(calls.submit_tasks(Raw(msgspec.json.encode([one]))))
    status, headers = outcome_of(submitted)
    return Answer(submitted, status_code=status, headers=headers)


@post(
    "/tasks/tries",
    summary="Queue several tries at one task",
    tags=["tasks"],
    operation_class=TriesOperation,
    opt={TAKES_TASKS: True},
    responses=documented(
        HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    ),
)
async def submit_tries(request: ApiRequest, caller: Caller) -> Batch:
    """Queue a task for each variant; a judge comes last.

    An idempotency key of the task is that of its tries, with `#1`, `#2` and so on behind it: they are queued once.
    """
    given = _decoded(await request.body(), Tries)
    return Batch(
        await caller.call(change_calls.submit_tries(given.task, given.variants, given.pick, given.judge))
    )


def require_one_key(in_header: str | None, in_body: object) -> None:
    """Raise :class:`UsageError` when header and body name different idempotency keys."""
    if in_header is not None and in_body not in (None, in_header):
        raise UsageError(
            "the header Idempotency-Key and idempotency_key in the body differ: give one of them"
        )


def outcome_of(submitted: Submitted) -> tuple[HTTPStatus, Mapping[str, str]]:
    """Return status and headers for a task that is queued or known.

    Raises :class:`HttpError` if its key belongs to another task.
    """
    if not submitted.same:
        raise HttpError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "LD422",
            f"task {submitted.number} has this idempotency key, and another tool, model or prompt",
            hint="give another key to another task",
            number=submitted.number,
        )
    headers = {"Location": f"/tasks/{submitted.number}"}
    if submitted.created:
        return HTTPStatus.CREATED, headers
    return HTTPStatus.OK, headers | {"Idempotent-Replayed": "true"}


async def _submit_many(caller: Caller, tasks: list[Raw], key: str | None) -> Batch:
    if key is not None:
        raise UsageError("the header Idempotency-Key is for one task: give each of many an idempotency_key")
    for place, task in enumerate(tasks, 1):
        if holds_nul(bytes(task)):
            raise RefusedTaskError(UsageError(NUL), place)
    encoded = Raw(msgspec.json.encode(tasks))
    try:
        submitted = await caller.call(calls.submit_tasks(encoded))
    except DispatchError as error:
        if not blames_a_task(error):
            raise
        try:
            await caller.call(calls.explain_refusal(encoded))
        except DispatchError as complaint:
            blamed = place_of(complaint)
            raise error if blamed is None else RefusedTaskError(complaint, blamed) from complaint
        raise
    return Batch(submitted)


def _lines(body: bytes) -> list[Raw]:
    """Return the tasks of JSON lines; empty lines are none."""
    lines = [line for line in body.splitlines() if line.strip()]
    tasks = []
    for place, line in enumerate(lines, 1):
        try:
            tasks.append(_decoded(line, Raw))
        except UsageError as error:
            raise RefusedTaskError(error, place) from error
    return tasks


async def _task_with_files(request: ApiRequest) -> Fields:
    """Return the task of a form, with the files of the form among its input files."""
    try:
        form = await request.form()
    except (LookupError, UnicodeDecodeError) as error:
        raise ClientException("the form has a field that is not UTF-8") from error
    described, files = form.getall("task", []), form.getall("input", [])
    if len(described) != 1 or not isinstance(described[0], str) or not set(form) <= {"task", "input"}:
        raise UsageError("the form is not valid: expected one field `task` with JSON, and files in `input`")
    task = _decoded(described[0].encode(), Fields)
    listed = _decoded(task.get("input_files", Raw(b"[]")), list[Raw])
    for file in files:
        if not isinstance(file, UploadFile):
            raise UsageError("a field `input` of the form is not a file: expected one with a file name")
        content = base64.b64encode(await file.read()).decode()
        listed.append(Raw(msgspec.json.encode({"path": file.filename, "content_base64": content})))
    return {**task, "input_files": Raw(msgspec.json.encode(listed))} if listed else task


def _decoded(body: bytes | Raw, kind: type[Decoded]) -> Decoded:
    """Return a JSON text as what it should be. Its values stay as they are written."""
    try:
        bytes(body).decode()  # what becomes Raw is not looked into
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the body is not valid: {error}") from error


ROUTES = (submit, submit_tries)
