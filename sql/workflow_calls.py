"""The SQL functions about workflows; see :mod:`sql.calls`."""

from sql.call import Call, given, many, value
from sql.calls import LARGEST_TEXT
from sql.rows.workflows import Graph, WorkflowRow

MOST_NODES = 10_000
"""The most tasks that a graph can have; 1,000 unless more are asked for."""


def list_workflows(tenant: str | None = None, limit: int | None = None) -> Call[list[WorkflowRow]]:
    """List the workflows in which something was submitted last, the newest first."""
    return Call("list_workflows", given(tenant=tenant, limit=limit), many(WorkflowRow))


def show_workflow(name: str, tenant: str | None = None, most: int | None = None) -> Call[Graph]:
    """Return the tasks of a workflow, and what they have to do with each other."""
    arguments = {"name": name, **given(tenant=tenant, most=most)}
    return Call("show_workflow", arguments, value(Graph), result_size=LARGEST_TEXT)


def show_graph(task: str, most: int | None = None) -> Call[Graph]:
    """Return all tasks that are connected with a task."""
    return Call("show_graph", {"task": task, **given(most=most)}, value(Graph), result_size=LARGEST_TEXT)
