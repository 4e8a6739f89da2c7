"""`/ui/workflows` and `/ui/workflow`: workflows as a list, and one as a picture and a table."""

from urllib.parse import urlencode

from litestar import get
from litestar.response import Template
from markupsafe import Markup

from dispatcher.api.caller import Caller
from dispatcher.api.page.frame.roles import may_see_host, may_submit
from dispatcher.graphs.folding import folded
from dispatcher.graphs.order import needs_of, topological
from dispatcher.graphs.svg import svg
from dispatcher.graphs.words import CONDITIONS, steps_of, title_of
from sql import workflow_calls
from sql.rows.workflows import Graph, Node

MOST = 100


@get("/workflows")
async def list_page(caller: Caller) -> Template:
    """Show the workflows in which something was submitted last."""
    rows = await caller.call(workflow_calls.list_workflows(limit=MOST))
    context = {"rows": rows, "most": MOST, "may_see_hooks": may_see_host(await caller.acting())}
    return Template("automation/workflows.html", context=context)


@get("/workflow")
async def workflow_page(caller: Caller, name: str, tenant: str | None = None) -> Template:
    """Show a workflow. Its name is a part of the query, since it may hold a slash."""
    graph = await caller.call(workflow_calls.show_workflow(name, tenant))
    steps, needs = steps_of(graph.edges), needs_of(graph.edges)
    context = {
        "graph": graph,
        # Text of tasks in it is escaped, and it has neither scripts nor styles.
        "picture": Markup(svg(folded(graph), "/ui/tasks/")),  # noqa: S704
        "nodes": [
            (node, title_of(node, steps), needs.get(node.number, ()))
            for node in topological(graph.nodes, graph.edges)
        ],
        "conditions": CONDITIONS,
        "may_submit": may_submit(await caller.acting()),
        "back": "/ui/workflow?" + urlencode({"name": graph.name, "tenant": graph.tenant_id}),
        "to_cancel": _not_ended(graph)
        if graph.is_cut or not all(_has_ended(node) for node in graph.nodes)
        else "",
        "to_retry": [node.number for node in graph.nodes if node.is_to_retry],
    }
    return Template("automation/workflow.html", context=context)


def _not_ended(graph: Graph) -> str:
    """Return the query that selects the tasks of a workflow that have not ended."""
    states = [("state", "waiting"), ("state", "active")]
    return urlencode([("workflow", graph.name or ""), ("tenant", graph.tenant_id), *states])


def _has_ended(node: Node) -> bool:
    return node.is_outside or node.status in ("succeeded", "failed", "canceled")


ROUTES = (list_page, workflow_page)
