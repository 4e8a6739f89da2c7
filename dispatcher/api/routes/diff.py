"""`/tasks/N/diff`: what a task changed in its repository."""

from http import HTTPStatus

from litestar import Response, get
from litestar.enums import MediaType
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIType

from dispatcher.api.answers import Answer
from dispatcher.api.caller import ApiRequest, Caller
from dispatcher.api.problems import documented
from dispatcher.api.routes.files import attachment, intact_file
from dispatcher.api.routes.tasks import Number
from dispatcher.errors import NotFoundError, WrongStateError
from sql import change_calls
from sql.rows.changes import ChangeRow

PATCH = ".llmctl/changes.patch"
"""The path of a patch among the files of its run."""
MEDIA_TYPE = "text/x-diff"


class DiffOperation(Operation):
    """Describes that :func:`read_diff` answers with a patch, too."""

    def __post_init__(self) -> None:
        response = (self.responses or {})[str(HTTPStatus.OK.value)]
        assert isinstance(response, OpenAPIResponse)
        response.content = {
            MEDIA_TYPE: OpenAPIMediaType(
                schema=Schema(type=OpenAPIType.STRING, description="The patch, as `git apply` takes it.")
            ),
            **(response.content or {}),
        }


@get(
    "/tasks/{number:int}/diff",
    summary="Read what a task changed in its repository",
    tags=["files"],
    operation_class=DiffOperation,
    responses={
        **documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        HTTPStatus.OK: ResponseSpec(
            ChangeRow,
            generate_examples=False,
            description="The patch, or with JSON where it is and what it holds.",
        ),
    },
)
async def read_diff(
    request: ApiRequest, caller: Caller, number: Number
) -> Answer[ChangeRow] | Response[bytes]:
    """Return the patch of the newest change as a file, or with `Accept: application/json` its figures and its refs.

    There is no patch, and the problem says why, while nothing is recorded.
    """
    [change] = await caller.call(change_calls.list_changes([str(number)]))
    accepted = request.accept.best_match([MEDIA_TYPE, MediaType.JSON], default=MEDIA_TYPE)
    if accepted == MediaType.JSON:
        return Answer(change)
    if change.ref is None:
        raise WrongStateError(_why_none(change))
    try:
        file = await intact_file(caller, number, PATCH)
    except NotFoundError as error:
        if not change.files:
            raise WrongStateError(f"task {number} changed nothing") from error
        raise WrongStateError(
            f"the patch of task {number} is not stored any more",
            hint=f"it is at {change.ref} in {change.source}",
        ) from error
    return attachment(file, f"task-{number}.patch", media_type=MEDIA_TYPE)


def _why_none(change: ChangeRow) -> str:
    if change.problem is not None:
        kept = f"; the directory was kept: {change.kept_in}" if change.kept_in else ""
        return f"what task {change.number} changed was not recorded: {change.problem}{kept}"
    if change.repository is None:
        return f"task {change.number} works in no repository, so it has no diff"
    return f"task {change.number} is {change.status}, and nothing of it is recorded yet"


ROUTES = (read_diff,)
