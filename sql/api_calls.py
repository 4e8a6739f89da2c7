"""The SQL functions that only the HTTP API calls, one Python function for each; see :mod:`sql.calls`."""

from sql.call import NOTHING, Call, as_json, given, many, one, value
from sql.rows.api import Acting, FacetCount, Group, Metrics
from sql.selection import Selection


def act_as(hash: bytes) -> Call[Acting]:  # noqa: A002 - named as the parameter
    """Let the rest of the transaction act as the token or session with this SHA-256. Raises LD401 without one."""
    return Call("act_as", {"hash": hash}, one(Acting))


def start_session(
    hash: bytes,  # noqa: A002 - named as the parameter
    token_hash: bytes,
    *,
    owns_token: bool = False,
) -> Call[None]:
    """Let a browser act as a token by an id with the SHA-256 ``hash``. ``owns_token``: the token ends with it."""
    more = given(owns_token=owns_token or None)
    return Call("start_session", {"hash": hash, "token_hash": token_hash, **more}, NOTHING)


def end_session(hash: bytes) -> Call[None]:  # noqa: A002 - named as the parameter
    """End the session of a browser, if there is one with this hash."""
    return Call("end_session", {"hash": hash}, NOTHING)


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
