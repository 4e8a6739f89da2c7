"""`/workflows`: tasks that belong together, as lists and graphs, and what can be done with all of them."""

from http import HTTPStatus
from typing import Annotated

from litestar import Response, get, post
from litestar.openapi import ResponseSpec
from litestar.params import Parameter
from msgspec import Struct

from dispatcher.api.caller import Caller
from dispatcher.api.problems import documented
from dispatcher.api.routes.tasks import Number
from dispatcher.errors import UsageError
from dispatcher.graphs.folding import folded
from dispatcher.graphs.svg import svg
from sql import calls, workflow_calls
from sql.rows.people import BulkResult
from sql.rows.workflows import Graph, WorkflowRow
from sql.selection import Selection

Name = Annotated[str, Parameter(description="The name of a workflow.")]
Tenant = Annotated[str | None, Parameter(description="Its tenant, where several have one of this name.")]
Limit = Annotated[int, Parameter(ge=1, le=1000, description="At most so many workflows.")]
Most = Annotated[int, Parameter(ge=1, le=workflow_calls.MOST_NODES, description="At most so many tasks.")]

_ONE = documented(HTTPStatus.NOT_FOUND)
_ACTION = documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


class Workflows(Struct, frozen=True):
    items: list[WorkflowRow]


@get("/workflows", summary="List workflows", tags=["workflows"], responses=documented())
async def list_workflows(caller: Caller, tenant: Tenant = None, limit: Limit = 100) -> Workflows:
    """List the workflows in which something was submitted last, the newest first."""
    return Workflows(await caller.call(workflow_calls.list_workflows(tenant, limit)))


@get("/workflows/{name:str}", summary="Show a workflow as a graph", tags=["workflows"], responses=_ONE)
async def show_workflow(caller: Caller, name: Name, tenant: Tenant = None, most: Most = 1000) -> Graph:
    """Return its tasks and what comes after what, also with tasks of others that one of them comes after."""
    return await caller.call(workflow_calls.show_workflow(name, tenant, most))


@get(
    "/tasks/{number:int}/graph",
    summary="Show all that is connected with a task as a graph",
    tags=["workflows"],
    responses=_ONE,
)
async def show_graph(caller: Caller, number: Number, most: Most = 1000) -> Graph:
    """Return the tasks that it comes after and that come after it, what it spawned, and so on."""
    return await caller.call(workflow_calls.show_graph(str(number), most))


@get(
    "/workflows/{name:str}/graph.svg",
    summary="Draw a workflow",
    tags=["workflows"],
    media_type="image/svg+xml",
    responses={
        **_ONE,
        HTTPStatus.OK: ResponseSpec(
            str, media_type="image/svg+xml", description="The picture.", generate_examples=False
        ),
    },
)
async def draw_workflow(caller: Caller, name: Name, tenant: Tenant = None) -> Response[str]:
    """Draw a box for each task. Of many that are alike, a large picture shows the first."""
    graph = await caller.call(workflow_calls.show_workflow(name, tenant))
    return Response(svg(folded(graph)), media_type="image/svg+xml")


@post(
    "/workflows/{name:str}/cancel",
    summary="Cancel all tasks of a workflow that have not ended",
    tags=["workflows"],
    status_code=HTTPStatus.OK,
    responses=_ACTION,
)
async def cancel_workflow(caller: Caller, name: Name, tenant: Tenant = None) -> BulkResult:
    """Cancel those that wait, and ask those that run to stop."""
    graph = await caller.call(workflow_calls.show_workflow(name, tenant, 1))
    select = Selection(workflow=name, tenant=graph.tenant_id, states=["waiting", "active"])
    return await caller.call(calls.act_on_tasks("cancel", select))


@post(
    "/workflows/{name:str}/retry",
    summary="Queue all tasks of a workflow that failed or were canceled again",
    tags=["workflows"],
    status_code=HTTPStatus.OK,
    responses=_ACTION,
)
async def retry_workflow(caller: Caller, name: Name, tenant: Tenant = None) -> BulkResult:
    """Queue them again, and with them those that were given up because of them."""
    graph = await caller.call(workflow_calls.show_workflow(name, tenant, workflow_calls.MOST_NODES))
    if graph.is_cut:
        raise UsageError(
            f"workflow {name!r} has more than {workflow_calls.MOST_NODES:,} tasks",
            hint="retry a selection: POST /tasks/actions",
        )
    select = Selection(numbers=[node.number for node in graph.nodes if node.is_to_retry])
    return await caller.call(calls.act_on_tasks("retry", select))


ROUTES = (
    list_workflows,
    show_workflow,
    show_graph,
    draw_workflow,
    cancel_workflow,
    retry_workflow,
)
