"""The SQL functions that only the HTTP API calls, one Python function for each; see :mod:`sql.calls`."""

from sql.call import Call, as_json, given, many, one, value
from sql.rows.api import Acting, FacetCount, Group, Metrics
from sql.selection import Selection


def act_as(hash: bytes) -> Call[Acting]:  # noqa: A002 - named as the parameter
    """Let the rest of the transaction act as the token with this SHA-256. Raises LD401 where there is none."""
    return Call("act_as", {"hash": hash}, one(Acting))


def list_groups_in_public() -> Call[list[Group]]:
    """Call list_groups() for what may leave: it is asked for no variable and no login of a group."""
    return Call("list_groups", {}, many(Group))


def facets(select: Selection | None = None) -> Call[list[FacetCount]]:
    """Count the tasks of a selection by state, tool, queue and tenant; no row if the counts do not know its keys."""
    return Call("facets", given(select=None if select is None else as_json(select)), many(FacetCount))


def count_inbox(most: int | None = None) -> Call[int]:
    """Return how much waits for a person, without tasks that have ended; ``most`` stands for that much or more."""
    return Call("count_inbox", given(most=most), value(int))


def metrics() -> Call[Metrics]:
    """Return everything that /metrics shows; of a confined session, what is about its own tenants."""
    return Call("metrics", {}, value(Metrics))
