"""`/ui/workflows` and `/ui/workflow`: workflows as a list, and one as a picture and a table."""

from litestar import get
from litestar.response import Template
from markupsafe import Markup

from dispatcher.api.caller import Caller
from dispatcher.graphs.folding import folded
from dispatcher.graphs.order import needs_of, topological
from dispatcher.graphs.svg import svg
from dispatcher.graphs.words import CONDITIONS, steps_of, title_of
from sql import workflow_calls

MOST = 100


@get("/workflows")
async def list_page(caller: Caller) -> Template:
    """Show the workflows in which something was submitted last."""
    rows = await caller.call(workflow_calls.list_workflows(limit=MOST))
    return Template("workflows.html", context={"rows": rows, "most": MOST})


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
    }
    return Template("workflow.html", context=context)


ROUTES = (list_page, workflow_page)
