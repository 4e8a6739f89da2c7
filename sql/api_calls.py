"""The SQL functions that only the HTTP API calls, one Python function for each; see :mod:`sql.calls`."""

from sql.api_rows import Acting, BulkResult, FacetCount, Group, Metrics, Selection, TaskPage
from sql.call import Call, as_json, given, many, one, value


def act_as(hash: bytes) -> Call[Acting]:  # noqa: A002 - named as the parameter
    """Let the rest of the transaction act as the token with this SHA-256. Raises LD401 where there is none."""
    return Call("act_as", {"hash": hash}, one(Acting))


def list_groups_in_public() -> Call[list[Group]]:
    """Call list_groups() for what may leave: it is asked for no variable and no login of a group."""
    return Call("list_groups", {}, many(Group))


def list_page(
    select: Selection | None = None, before: int | None = None, limit: int | None = None
) -> Call[TaskPage]:
    """List the newest tasks of a selection that are below the number ``before``. A page may be short and go on."""
    arguments = given(select=None if select is None else as_json(select), before=before, limit=limit)
    return Call("list_page", arguments, one(TaskPage))


def act_on_tasks(
    action: str, select: Selection, expect: int | None = None, *, dry_run: bool | None = None
) -> Call[BulkResult]:
    """Cancel or retry all selected tasks for which that is allowed now, or with ``dry_run`` only return them."""
    arguments = {"action": action, "select": as_json(select), **given(expect=expect, dry_run=dry_run)}
    return Call("act_on_tasks", arguments, one(BulkResult))


def facets(select: Selection | None = None) -> Call[list[FacetCount]]:
    """Count the tasks of a selection by state, tool, queue and tenant; no row if the counts do not know its keys."""
    return Call("facets", given(select=None if select is None else as_json(select)), many(FacetCount))


def metrics() -> Call[Metrics]:
    """Return everything that /metrics shows; of a confined session, what is about its own tenants."""
    return Call("metrics", {}, value(Metrics))
